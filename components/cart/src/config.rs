//! Reads and checks the settings.

use stoa_service::settings::{Faults, Settings};

/// The settings of the service `cart`.
#[derive(Debug, Clone)]
pub struct Config {
    /// `product_url`: the base URL of the service `product`, which supplies names and prices.
    pub product_url: String,
    /// `inventory_url`: the base URL of the service `inventory`, which reports the number of available units.
    pub inventory_url: String,
    /// `user_url`: the base URL of the service `user`, which publishes the keys that verify tokens.
    pub user_url: String,
}

impl Config {
    /// Reads and checks the settings. `source` returns the value of the Spin variable with a given name.
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
