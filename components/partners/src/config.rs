//! Validated settings.

use stoa_service::settings::{Faults, Settings};

/// The settings of the third parties.
#[derive(Clone)]
pub struct Config {
    /// `webhook_url`: the receiver of the carrier's reports.
    pub webhook_url: String,
    /// `carrier_secret`: the key that signs the carrier's reports. Never shown.
    pub carrier_secret: String,
}

impl Config {
    /// Reads the settings from a source of variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let config = Self {
            webhook_url: settings.url("webhook_url"),
            carrier_secret: settings.required("carrier_secret"),
        };
        settings.finish(config)
    }
}
