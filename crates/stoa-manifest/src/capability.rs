//! The kinds of configuration of a component. A dependency inherits only the kinds that the manifest lists.

use std::str::FromStr;

/// A kind of configuration. Spin's `inherit_configuration` has the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `ai_models`. This runtime does not support AI models, so a component never has an AI model.
    AiModels,
    /// `allowed_outbound_hosts`: the destinations of outbound HTTP, PostgreSQL and sockets.
    AllowedOutboundHosts,
    /// `environment`: the environment variables.
    Environment,
    /// `files`. This runtime does not support files, so a component never has files.
    Files,
    /// `key_value_stores`: the labels of key-value stores.
    KeyValueStores,
    /// `sqlite_databases`: the labels of SQLite databases.
    SqliteDatabases,
    /// `variables`: the component's variables.
    Variables,
}

impl Capability {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::AiModels,
        Self::AllowedOutboundHosts,
        Self::Environment,
        Self::Files,
        Self::KeyValueStores,
        Self::SqliteDatabases,
        Self::Variables,
    ];

    /// The name of this kind in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::AiModels => "ai_models",
            Self::AllowedOutboundHosts => "allowed_outbound_hosts",
            Self::Environment => "environment",
            Self::Files => "files",
            Self::KeyValueStores => "key_value_stores",
            Self::SqliteDatabases => "sqlite_databases",
            Self::Variables => "variables",
        }
    }
}

impl FromStr for Capability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is not a kind of configuration; expected one of {known}")
        })
    }
}
