//! The validated settings.

use stoa_service::settings::{Faults, Settings};

/// The settings of this component.
#[derive(Debug, Clone)]
pub struct Config {
    /// `product_url`: the base URL of the service `product`.
    pub product_url: String,
}

impl Config {
    /// Reads and checks the settings. `source` returns the value of the Spin variable with a given name. The error lists all
    /// invalid variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let config = Self {
            product_url: settings.url("product_url"),
        };
        settings.finish(config)
    }
}
