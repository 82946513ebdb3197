//! The structs into which a manifest is read.

use crate::reader::Text;

pub(crate) struct RawManifest {
    pub(crate) name: Text,
    pub(crate) version: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) authors: Vec<Text>,
    pub(crate) variables: Vec<RawVariable>,
    pub(crate) triggers: Vec<RawTrigger>,
    pub(crate) components: Vec<RawComponent>,
}

pub(crate) struct RawVariable {
    pub(crate) name: Text,
    pub(crate) description: Option<Text>,
    /// True if the manifest contains a default for the variable. A default of the wrong type counts too.
    pub(crate) has_default: bool,
    pub(crate) default: Option<Text>,
    pub(crate) required: bool,
    pub(crate) secret: bool,
}

pub(crate) struct RawTrigger {
    pub(crate) id: Option<Text>,
    pub(crate) route: RawRoute,
    pub(crate) component: Text,
    /// The type of the executor.
    pub(crate) executor: Option<Text>,
}

pub(crate) enum RawRoute {
    Public(Text),
    Private,
}

pub(crate) struct RawComponent {
    pub(crate) id: Text,
    pub(crate) description: Option<Text>,
    /// The path of the .wasm file; `None` if the key `source` is missing or its value is invalid.
    pub(crate) source: Option<Text>,
    pub(crate) variables: Vec<(Text, Text)>,
    pub(crate) environment: Vec<(Text, Text)>,
    pub(crate) allowed_outbound_hosts: Vec<Text>,
    pub(crate) sqlite_databases: Vec<Text>,
    pub(crate) key_value_stores: Vec<Text>,
    pub(crate) build: Option<RawBuild>,
    pub(crate) dependencies: Vec<RawDependency>,
    /// The location of the key `dependencies_inherit_configuration`, and the value of this key.
    pub(crate) dependencies_inherit: Option<(Text, bool)>,
}

pub(crate) struct RawBuild {
    /// The commands; empty if the key `command` is missing or its value is invalid.
    pub(crate) commands: Vec<Text>,
    /// True if the value of the key `command` is an array.
    pub(crate) is_list: bool,
    /// The folder in which the commands run.
    pub(crate) workdir: Option<Text>,
    pub(crate) watch: Vec<Text>,
}

pub(crate) struct RawDependency {
    pub(crate) interface: Text,
    pub(crate) source: RawDependencySource,
    pub(crate) export: Option<Text>,
    pub(crate) inherits: Option<RawInherits>,
}

/// The value of a dependency's key `inherit_configuration`: a boolean, or a list of kinds of configuration.
pub(crate) enum RawInherits {
    All(bool),
    Some(Vec<Text>),
}

pub(crate) enum RawDependencySource {
    Component(Text),
    Path(Text),
}
