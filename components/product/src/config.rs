//! Validated settings. Each default is stated here and only here: `spin.toml` leaves the variables empty.

use stoa_service::settings::{Faults, Settings};

/// The age at which the PIM's texts are fetched again.
pub const DEFAULT_PIM_TTL_SECONDS: u32 = 300;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `pim_url`: the PIM.
    pub pim_url: String,
    /// `order_url`: the service that receives purchases.
    pub order_url: String,
    /// `inventory_url`: called by v2.
    pub inventory_url: String,
    /// `user_url`: the service whose keys sign tokens.
    pub user_url: String,
    /// `pim_ttl_seconds`, 1 to 86,400.
    pub pim_ttl_seconds: u32,
}

impl Config {
    /// Reads the settings from a source of variables.
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
