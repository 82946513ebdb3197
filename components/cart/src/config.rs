//! Validated settings.

use stoa_service::settings::{Faults, Settings};

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `product_url`: names and prices.
    pub product_url: String,
    /// `inventory_url`: available units.
    pub inventory_url: String,
    /// `user_url`: the keys that tokens are verified with.
    pub user_url: String,
}

impl Config {
    /// Reads the settings from a source of variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let config = Self {
            product_url: settings.url("product_url"),
            inventory_url: settings.url("inventory_url"),
            user_url: settings.url("user_url"),
        };
        settings.finish(config)
    }
}
