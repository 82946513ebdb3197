//! Validated settings. Each default is stated here and only here: `spin.toml` leaves the variables empty.

use stoa_service::settings::{Faults, Settings};

/// How long a reservation lasts by default: long enough for a slow payment, short enough that a crashed
/// order does not lock stock for an afternoon.
pub const DEFAULT_TTL_SECONDS: u32 = 900;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `reservation_ttl_seconds`, 1 to 86,400.
    pub ttl_seconds: u32,
}

impl Config {
    /// Reads the settings from a source of variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let config = Self {
            ttl_seconds: settings.number(
                "reservation_ttl_seconds",
                DEFAULT_TTL_SECONDS,
                1..=86_400,
            ),
        };
        settings.finish(config)
    }
}
