//! Validated settings. Only this file states the defaults; `spin.toml` leaves the variables empty.

use stoa_service::settings::{Faults, Settings};
use stoa_service::time::Millis;

use crate::signing_keys::SigningKeys;
use crate::throttle::{Limit, Limits};

/// The default lifetime of an access token, in seconds. The value is short, because a token cannot be revoked before it expires.
pub const DEFAULT_TOKEN_TTL_SECONDS: u32 = 3600;

/// The default number of proxies in front of this service that append to `x-forwarded-for`. With 0, no header can set the client's
/// address.
pub const DEFAULT_TRUSTED_HOPS: u32 = 0;

/// The default limit of failed log-ins for one account from one address. The limit is enough for a forgetful owner. When the limit
/// is reached, the owner gets one more attempt every six minutes.
pub const DEFAULT_ATTEMPTS_PER_ACCOUNT_AND_ADDRESS: u32 = 10;
/// The default limit of failed log-ins for one account from all unknown addresses together. An address is unknown if nobody has
/// logged in to this account from it. The value is half of the limit in NIST SP 800-63B-3 (section 5.2.2), because failed log-ins
/// expire over time.
pub const DEFAULT_ATTEMPTS_PER_ACCOUNT: u32 = 50;
/// The default limit of failed log-ins from one address. A whole office may share an address. Log-ins in flight also count, so this
/// value also limits concurrent log-ins from one address.
pub const DEFAULT_ATTEMPTS_PER_ADDRESS: u32 = 300;
/// The default time, in seconds, after which a full bucket of failed log-ins is empty again. With the default limits, one address
/// can try 240 passwords a day for one account.
pub const DEFAULT_ATTEMPTS_WINDOW_SECONDS: u32 = 3600;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `jwt_private_key`: one to four P-256 keys, each as a block of PKCS#8 PEM. The first key signs tokens. If the variable is
    /// empty, the value is `None`, and the service generates a key.
    pub keys: Option<SigningKeys>,
    /// `token_ttl_seconds`: the lifetime of a token, 60 to 86,400.
    pub token_ttl_seconds: u32,
    /// `trusted_hops`: the number of proxies in front of this service that append to `x-forwarded-for`, 0 to 10.
    pub trusted_hops: u32,
    /// The limits of failed log-ins: `login_attempts_per_account_and_address`, `login_attempts_per_account` and
    /// `login_attempts_per_address`, each 1 to 100,000. All limits have the window `login_attempts_window_seconds`, 60 to 86,400.
    pub login_attempts: Limits,
}

impl Config {
    /// Reads and checks the settings. `source` returns the value of a Spin variable. The error lists all invalid variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let keys = settings.optional("jwt_private_key").and_then(|pem| {
            SigningKeys::from_pem(&pem)
                .map_err(|faults| {
                    for fault in faults {
                        settings.fault(format!("variable jwt_private_key: {fault}"));
                    }
                })
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
            keys,
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
