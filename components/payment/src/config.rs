//! The validated settings.

use stoa_service::settings::{Faults, Settings};

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `processor_url`: the card processor's base URL.
    pub processor_url: String,
}

impl Config {
    /// Reads and checks the settings. `source` returns the value of a Spin variable. The error lists all invalid variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let config = Self {
            processor_url: settings.url("processor_url"),
        };
        settings.finish(config)
    }
}
