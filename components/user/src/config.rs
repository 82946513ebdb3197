//! Validated settings. Each default is stated here and only here: `spin.toml` leaves the variables empty.

use stoa_service::settings::{Faults, Settings};
use stoa_service::time::Millis;

use crate::keys::SigningKey;
use crate::throttle::{Limit, Limits};

/// The lifetime of an access token, in seconds: no service can withdraw one earlier.
pub const DEFAULT_TOKEN_TTL_SECONDS: u32 = 3600;

/// How many proxies in front of this service append to `x-forwarded-for`: none, so that no header decides who the client is.
pub const DEFAULT_TRUSTED_HOPS: u32 = 0;

/// Failed log-ins of one account from one address: enough for a forgetful owner, who then gets one more every six minutes.
pub const DEFAULT_ATTEMPTS_PER_ACCOUNT_AND_ADDRESS: u32 = 10;
/// Failed log-ins of one account from all addresses without an earlier log-in. Half of what NIST SP 800-63B-3 allows in all
/// (section 5.2.2), since these come back as time passes.
pub const DEFAULT_ATTEMPTS_PER_ACCOUNT: u32 = 50;
/// Failed log-ins from one address, which a whole office may share. Those in flight count too: no more log-ins may come from one
/// address at once.
pub const DEFAULT_ATTEMPTS_PER_ADDRESS: u32 = 300;
/// How long all of these take to be forgotten, in seconds. Of one account from one address, 240 a day can be tried.
pub const DEFAULT_ATTEMPTS_WINDOW_SECONDS: u32 = 3600;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `jwt_private_key`, PKCS#8 PEM of a P-256 key; `None` where it is empty: then one is generated and kept.
    pub key: Option<SigningKey>,
    /// `token_ttl_seconds`, 60 to 86,400.
    pub token_ttl_seconds: u32,
    /// `trusted_hops`, 0 to 10: how many proxies in front of this service append to `x-forwarded-for`.
    pub trusted_hops: u32,
    /// `login_attempts_per_account_and_address`, `login_attempts_per_account`, `login_attempts_per_address`, each 1 to 100,000,
    /// in `login_attempts_window_seconds`, 60 to 86,400.
    pub login_attempts: Limits,
}

impl Config {
    /// Reads the settings from a source of variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let key = settings.optional("jwt_private_key").and_then(|pem| {
            SigningKey::from_pem(&pem)
                .map_err(|error| settings.fault(format!("variable jwt_private_key: {error}")))
                .ok()
        });
        let window = settings.number(
            "login_attempts_window_seconds",
            DEFAULT_ATTEMPTS_WINDOW_SECONDS,
            60..=86_400,
        );
        let mut limit = |name, default| Limit {
            attempts: settings.number(name, default, 1..=100_000),
            window: Millis::from(window) * 1000,
        };
        let login_attempts = Limits {
            account_and_address: limit(
                "login_attempts_per_account_and_address",
                DEFAULT_ATTEMPTS_PER_ACCOUNT_AND_ADDRESS,
            ),
            account: limit("login_attempts_per_account", DEFAULT_ATTEMPTS_PER_ACCOUNT),
            address: limit("login_attempts_per_address", DEFAULT_ATTEMPTS_PER_ADDRESS),
        };
        let config = Self {
            key,
            token_ttl_seconds: settings.number(
                "token_ttl_seconds",
                DEFAULT_TOKEN_TTL_SECONDS,
                60..=86_400,
            ),
            trusted_hops: settings.number("trusted_hops", DEFAULT_TRUSTED_HOPS, 0..=10),
            login_attempts,
        };
        settings.finish(config)
    }
}
