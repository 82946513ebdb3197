//! The types of the shape.

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
    /// Whether there is a default, even one of the wrong type.
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
    /// `None` if it has a fault.
    pub(crate) source: Option<Text>,
    pub(crate) variables: Vec<(Text, Text)>,
    pub(crate) environment: Vec<(Text, Text)>,
    pub(crate) allowed_outbound_hosts: Vec<Text>,
    pub(crate) sqlite_databases: Vec<Text>,
    pub(crate) key_value_stores: Vec<Text>,
    /// The commands that build it, and the folder in which they run.
    pub(crate) build: (Vec<Text>, Option<Text>),
    pub(crate) dependencies: Vec<RawDependency>,
    /// `dependencies_inherit_configuration`, with its key as the text.
    pub(crate) dependencies_inherit: Option<(Text, bool)>,
}

pub(crate) struct RawDependency {
    pub(crate) interface: Text,
    pub(crate) source: RawDependencySource,
    pub(crate) export: Option<Text>,
    pub(crate) inherits: Option<RawInherits>,
}

/// `inherit_configuration` of a dependency.
pub(crate) enum RawInherits {
    All(bool),
    Some(Vec<Text>),
}

pub(crate) enum RawDependencySource {
    Component(Text),
    Path(Text),
}
