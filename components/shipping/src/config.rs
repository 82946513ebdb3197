//! The settings, read from Spin variables and validated.

use stoa_service::settings::{Faults, Settings};

use crate::signature::Secret;

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The setting `carrier_url`: the base URL of the carrier.
    pub carrier_url: String,
    /// The setting `notification_url`: the base URL of the service that receives events.
    pub notification_url: String,
    /// The setting `carrier_secret`: the key with which the carrier signs its reports.
    pub carrier_secret: Secret,
}

impl Config {
    /// Reads and checks the settings. `source` returns the value of a Spin variable. The error lists all invalid variables.
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
