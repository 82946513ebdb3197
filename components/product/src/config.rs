//! Reads and checks the settings. Only this file states their defaults; `spin.toml` leaves the variables empty.

use stoa_service::settings::{Faults, Settings};

/// The age, in seconds, at which the PIM's texts are fetched again if `pim_ttl_seconds` is not set.
pub const DEFAULT_PIM_TTL_SECONDS: u32 = 300;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `pim_url`: the base URL of the PIM.
    pub pim_url: String,
    /// `order_url`: the base URL of the service `order`, which receives purchases.
    pub order_url: String,
    /// `inventory_url`: the base URL of the service `inventory`. Only release v2 of `product` calls `inventory`.
    pub inventory_url: String,
    /// `user_url`: the base URL of the service `user`, which publishes the keys that verify tokens.
    pub user_url: String,
    /// `pim_ttl_seconds`: the age at which the PIM's texts are fetched again, 1 to 86,400 seconds.
    pub pim_ttl_seconds: u32,
}

impl Config {
    /// Reads and checks the settings. `source` returns the value of the Spin variable with a given name. The error lists all
    /// invalid variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let config = Self {
            pim_url: settings.url("pim_url"),
            order_url: settings.url("order_url"),
            inventory_url: settings.url("inventory_url"),
            user_url: settings.url("user_url"),
            pim_ttl_seconds: settings.number(
                "pim_ttl_seconds",
                DEFAULT_PIM_TTL_SECONDS,
                1..=86_400,
            ),
        };
        settings.finish(config)
    }
}
