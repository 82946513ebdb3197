//! The validated application: what the runtime works from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::capability::Capability;
use crate::host::AllowedHost;

/// An application of which every part was checked, and every template filled in.
#[derive(Debug, Clone)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Its version; empty if the manifest has none.
    pub version: String,
    /// The file it was read from.
    pub manifest: PathBuf,
    /// The HTTP triggers, in the order of the file.
    pub routes: Vec<Route>,
    /// The components by id: the selected ones and what they depend on.
    pub components: BTreeMap<String, Component>,
}

/// An HTTP trigger: which requests go to which component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The requests.
    pub path: RoutePath,
    /// The id of the component, a key of [`App::components`].
    pub component: String,
}

/// The path of an HTTP trigger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoutePath {
    /// A path that begins with `/`; `:name` stands for one segment, `/...` at the end for any rest.
    Public(String),
    /// Only other components reach it, at `http://NAME.spin.internal`.
    Private,
}

/// A component and what it may use.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its id.
    pub id: String,
    /// The .wasm file, resolved against the manifest's folder. Whether it exists is not checked here.
    pub source: PathBuf,
    /// Its variables, templates filled in.
    pub variables: BTreeMap<String, String>,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// Where it may send requests.
    pub allowed_outbound_hosts: Vec<AllowedHost>,
    /// The labels of the SQLite databases it may open.
    pub sqlite_databases: Vec<String>,
    /// The labels of the key-value stores it may open.
    pub key_value_stores: Vec<String>,
    /// How it is built, if the manifest states that.
    pub build: Option<Build>,
    /// The components that satisfy its imports.
    pub dependencies: Vec<Dependency>,
}

/// How a component is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// For a shell.
    pub command: String,
    /// Where it runs.
    pub workdir: PathBuf,
}

/// An import of a component, and what satisfies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The imported interface, `acme:text/shout@1.0.0`, or a whole package, `acme:text@1.0.0`.
    pub interface: String,
    /// Where it comes from.
    pub source: DependencySource,
    /// The export to take, if it is not called as the import is.
    pub export: Option<String>,
    /// What it shares of its user's configuration; everything else is denied.
    pub inherits: BTreeSet<Capability>,
}

/// Where the component of a [`Dependency`] comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencySource {
    /// Another component of the application, by id.
    Component(String),
    /// A .wasm file, resolved against the manifest's folder.
    Path(PathBuf),
}
