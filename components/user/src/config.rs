//! Validated settings. Each default is stated here and only here: `spin.toml` leaves the variables empty.

use stoa_service::settings::{Faults, Settings};
use stoa_service::time::Millis;

use crate::keys::SigningKey;
use crate::throttle::{Limit, Limits};

/// The lifetime of an access token, in seconds: a token cannot be revoked earlier.
pub const DEFAULT_TOKEN_TTL_SECONDS: u32 = 3600;

/// The number of proxies in front of this service that append to `x-forwarded-for`. None, so that no header determines the client.
pub const DEFAULT_TRUSTED_HOPS: u32 = 0;

/// Failed log-ins for one account from one address: enough for a forgetful owner, who then gets one more every six minutes.
pub const DEFAULT_ATTEMPTS_PER_ACCOUNT_AND_ADDRESS: u32 = 10;
/// Failed log-ins for one account from all addresses without an earlier log-in. Half of the total in NIST SP 800-63B-3
/// (section 5.2.2), since these attempts become available again over time.
pub const DEFAULT_ATTEMPTS_PER_ACCOUNT: u32 = 50;
/// Failed log-ins from one address, which a whole office may share. Log-ins in flight count too, so this also limits concurrent log-ins
/// from one address.
pub const DEFAULT_ATTEMPTS_PER_ADDRESS: u32 = 300;
/// The time after which all of these are forgotten, in seconds. For one account from one address, 240 a day can be tried.
pub const DEFAULT_ATTEMPTS_WINDOW_SECONDS: u32 = 3600;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `jwt_private_key`, PKCS#8 PEM of a P-256 key; `None` if it is empty: then a key is generated and stored.
    pub key: Option<SigningKey>,
    /// `token_ttl_seconds`, 60 to 86,400.
    pub token_ttl_seconds: u32,
    /// `trusted_hops`, 0 to 10: the number of proxies in front of this service that append to `x-forwarded-for`.
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
