//! Reads and checks the settings. Only this file states their defaults; `spin.toml` leaves the variables empty.

use stoa_service::settings::{Faults, Settings};

/// The default lifetime of a reservation, in seconds. It is long enough for a slow payment. It is short enough that an order whose
/// driver crashed does not lock stock for hours.
pub const DEFAULT_TTL_SECONDS: u32 = 900;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `reservation_ttl_seconds`: the lifetime of a reservation, 1 to 86,400 seconds.
    pub ttl_seconds: u32,
}

impl Config {
    /// Reads and checks the settings. `source` returns the value of the Spin variable with a given name. The error lists all
    /// invalid variables.
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
