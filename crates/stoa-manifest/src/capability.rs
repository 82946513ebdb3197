//! The kinds of configuration that a component may be granted. A dependency inherits only the kinds that the manifest
//! lists.

use std::str::FromStr;

/// A kind of configuration; the names are those of Spin's `inherit_configuration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `ai_models`: not supported by this runtime, so a component never has any.
    AiModels,
    /// `allowed_outbound_hosts`: outbound HTTP, PostgreSQL and sockets.
    AllowedOutboundHosts,
    /// `environment`: the environment variables.
    Environment,
    /// `files`: not supported by this runtime, so a component never has any.
    Files,
    /// `key_value_stores`
    KeyValueStores,
    /// `sqlite_databases`
    SqliteDatabases,
    /// `variables`
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

    /// The name in a manifest.
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
