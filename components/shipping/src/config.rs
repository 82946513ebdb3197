//! Validated settings.

use stoa_service::settings::{Faults, Settings};

use crate::signature::Secret;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `carrier_url`: the carrier's base URL.
    pub carrier_url: String,
    /// `notification_url`: where events go.
    pub notification_url: String,
    /// `carrier_secret`: the key with which the carrier signs its reports.
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
