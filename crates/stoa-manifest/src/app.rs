//! The validated application: the runtime's input.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::capability::Capability;
use crate::host::AllowedHost;

/// An application with every part checked and every template filled in.
#[derive(Debug, Clone)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Its version; empty if the manifest has none.
    pub version: String,
    /// The file it was read from.
    pub manifest: PathBuf,
    /// The HTTP triggers, in the file's order.
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
    /// A path that begins with `/`; `:name` stands for one segment, `/...` at the end for any rest of the path.
    Public(String),
    /// Only other components can call it, at `http://NAME.spin.internal`.
    Private,
}

/// A component and what it may use.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its id.
    pub id: String,
    /// The .wasm file, resolved against the manifest's folder. Whether it exists is not checked here.
    pub source: PathBuf,
    /// Its variables, with templates filled in.
    pub variables: BTreeMap<String, String>,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// The hosts to which it may send requests.
    pub allowed_outbound_hosts: Vec<AllowedHost>,
    /// The labels of the SQLite databases it may open.
    pub sqlite_databases: Vec<String>,
    /// The labels of the key-value stores it may open.
    pub key_value_stores: Vec<String>,
    /// How it is built, if the manifest has a build command.
    pub build: Option<Build>,
    /// The components that satisfy its imports.
    pub dependencies: Vec<Dependency>,
}

/// How a component is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The command, for a shell.
    pub command: String,
    /// The folder in which it runs.
    pub workdir: PathBuf,
}

/// An import of a component, and the component that satisfies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The imported interface, `acme:text/shout@1.0.0`, or a whole package, `acme:text@1.0.0`.
    pub interface: String,
    /// The component that satisfies it.
    pub source: DependencySource,
    /// The export to use if its name differs from that of the import.
    pub export: Option<String>,
    /// The kinds of its user's configuration that it inherits; all others are denied.
    pub inherits: BTreeSet<Capability>,
}

/// The source of a [`Dependency`]'s component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencySource {
    /// Another component of the application, by id.
    Component(String),
    /// A .wasm file, resolved against the manifest's folder.
    Path(PathBuf),
}
