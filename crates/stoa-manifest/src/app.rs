//! The validated application, which is the runtime's input.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::capability::Capability;
use crate::host::AllowedHost;

/// A validated application. Every part was checked, and in each template the names of variables were replaced by the values of
/// these variables.
#[derive(Debug, Clone)]
pub struct App {
    /// The application's name.
    pub name: String,
    /// The application's version; empty if the manifest has no version.
    pub version: String,
    /// The path of the manifest.
    pub manifest: PathBuf,
    /// The HTTP triggers, in the order in which the manifest lists them.
    pub routes: Vec<Route>,
    /// The selected components and their dependencies, by id.
    pub components: BTreeMap<String, Component>,
}

/// An HTTP trigger: a path, and the component that gets the requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The path that a request must match.
    pub path: RoutePath,
    /// The id of the component, a key of [`App::components`].
    pub component: String,
}

/// The path of an HTTP trigger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoutePath {
    /// A path that begins with `/`. In a path, `:name` matches one segment, and `/...` at the end matches any further segments.
    Public(String),
    /// No public path. Only other components can call the component, at `http://NAME.spin.internal`.
    Private,
}

/// A component, and the resources that the component may use.
#[derive(Debug, Clone)]
pub struct Component {
    /// The component's id.
    pub id: String,
    /// The path of the .wasm file, resolved against the manifest's folder. The file may be missing.
    pub source: PathBuf,
    /// The component's variables. Templates in the values are already filled in.
    pub variables: BTreeMap<String, String>,
    /// The component's environment variables.
    pub environment: BTreeMap<String, String>,
    /// The hosts to which the component may send requests.
    pub allowed_outbound_hosts: Vec<AllowedHost>,
    /// The labels of the SQLite databases that the component may open.
    pub sqlite_databases: Vec<String>,
    /// The labels of the key-value stores that the component may open.
    pub key_value_stores: Vec<String>,
    /// The build command; `None` if the manifest has no build command.
    pub build: Option<Build>,
    /// The components that satisfy this component's imports.
    pub dependencies: Vec<Dependency>,
}

/// The build command of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The command, for a shell.
    pub command: String,
    /// The folder in which the command runs.
    pub workdir: PathBuf,
}

/// One import of a component, and the other component that satisfies this import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The imported interface, such as `acme:text/shout@1.0.0`, or a whole package, such as `acme:text@1.0.0`.
    pub interface: String,
    /// Where the component that satisfies the import comes from.
    pub source: DependencySource,
    /// The name of the export that satisfies the import; `None` if the import and the export have the same name.
    pub export: Option<String>,
    /// The kinds of configuration that the dependency inherits from the importing component. The dependency gets no other kind of
    /// configuration.
    pub inherits: BTreeSet<Capability>,
}

/// Where the component of a [`Dependency`] comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencySource {
    /// Another component of the application, by id.
    Component(String),
    /// The path of a .wasm file, resolved against the manifest's folder.
    Path(PathBuf),
}
