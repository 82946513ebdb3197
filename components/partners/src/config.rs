//! The settings, read from Spin variables and validated.

use stoa_service::settings::{Faults, Settings};

/// The settings of the third parties.
#[derive(Clone)]
pub struct Config {
    /// The setting `webhook_url`: the base URL of the service that receives the carrier's reports.
    pub webhook_url: String,
    /// The setting `carrier_secret`: the key that signs the carrier's reports. It is never logged or shown.
    pub carrier_secret: String,
}

impl Config {
    /// Reads and checks the settings. `source` returns the value of a Spin variable. The error lists all invalid variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let config = Self {
            webhook_url: settings.url("webhook_url"),
            carrier_secret: settings.required("carrier_secret"),
        };
        settings.finish(config)
    }
}
