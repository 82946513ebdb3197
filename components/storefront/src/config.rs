//! Validated settings.

use stoa_service::settings::{Faults, Settings};

/// The settings of this component.
#[derive(Debug, Clone)]
pub struct Config {
    /// `product_url`: the catalogue.
    pub product_url: String,
}

impl Config {
    /// Reads the settings from a source of variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let config = Self {
            product_url: settings.url("product_url"),
        };
        settings.finish(config)
    }
}
