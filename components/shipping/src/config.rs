//! Validated settings.

use stoa_service::settings::{Faults, Settings};

use crate::signature::Secret;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `carrier_url`: the carrier's base URL.
    pub carrier_url: String,
    /// `notification_url`: the receiver of events.
    pub notification_url: String,
    /// `carrier_secret`: the key that signs the carrier's reports.
    pub carrier_secret: Secret,
}

impl Config {
    /// Reads the settings from a source of variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let config = Self {
            carrier_url: settings.url("carrier_url"),
            notification_url: settings.url("notification_url"),
            carrier_secret: Secret::new(settings.required("carrier_secret")),
        };
        settings.finish(config)
    }
}
