//! The structs into which a manifest is read.

use crate::reader::Text;

pub(crate) struct RawManifest {
    pub(crate) name: Text,
    pub(crate) version: Option<Text>,
    pub(crate) variables: Vec<RawVariable>,
    pub(crate) triggers: Vec<RawTrigger>,
    pub(crate) components: Vec<RawComponent>,
}

pub(crate) struct RawVariable {
    pub(crate) name: Text,
    /// True if the manifest contains a default for the variable. A default of the wrong type counts too.
    pub(crate) has_default: bool,
    pub(crate) default: Option<Text>,
    pub(crate) required: bool,
    pub(crate) secret: bool,
}

pub(crate) struct RawTrigger {
    pub(crate) route: RawRoute,
    pub(crate) component: Text,
}

pub(crate) enum RawRoute {
    Public(Text),
    Private,
}

pub(crate) struct RawComponent {
    pub(crate) id: Text,
    /// The path of the .wasm file; `None` if the key `source` is missing or its value is invalid.
    pub(crate) source: Option<Text>,
    pub(crate) variables: Vec<(Text, Text)>,
    pub(crate) environment: Vec<(Text, Text)>,
    pub(crate) allowed_outbound_hosts: Vec<Text>,
    pub(crate) sqlite_databases: Vec<Text>,
    pub(crate) key_value_stores: Vec<Text>,
    /// The build commands, and the folder in which the commands run.
    pub(crate) build: (Vec<Text>, Option<Text>),
    pub(crate) dependencies: Vec<RawDependency>,
    /// The location of the key `dependencies_inherit_configuration`, and the value of this key.
    pub(crate) dependencies_inherit: Option<(Text, bool)>,
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
