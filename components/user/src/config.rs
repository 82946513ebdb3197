//! Validated settings.

use stoa_service::settings::{Faults, Settings};

use crate::keys::SigningKey;

/// How long a token is good where nothing else is said: no service can take one back before.
pub const DEFAULT_TOKEN_TTL_SECONDS: u32 = 3600;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `jwt_private_key`, PKCS#8 PEM of a P-256 key; `None` where it is empty: then one is generated and kept.
    pub key: Option<SigningKey>,
    /// `token_ttl_seconds`, 60 to 86,400.
    pub token_ttl_seconds: u32,
}

impl Config {
    /// Reads the settings from a source of variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let key = settings.optional("jwt_private_key").and_then(|pem| {
            SigningKey::from_pem(&pem)
                .map_err(|fault| settings.fault(format!("variable jwt_private_key: {fault}")))
                .ok()
        });
        let config = Self {
            key,
            token_ttl_seconds: settings.number(
                "token_ttl_seconds",
                DEFAULT_TOKEN_TTL_SECONDS,
                60..=86_400,
            ),
        };
        settings.finish(config)
    }
}
