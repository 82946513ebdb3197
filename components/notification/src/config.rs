//! The settings, read from Spin variables and validated.

use stoa_service::settings::{Faults, Settings};

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The setting `courier_url`: the base URL of the courier, which sends e-mails.
    pub courier_url: String,
    /// The setting `sms_url`: the base URL of the SMS gateway.
    pub sms_url: String,
    /// The setting `user_url`: the base URL of the `user` service, which issues tokens.
    pub user_url: String,
}

impl Config {
    /// Reads and checks the settings. `source` returns the value of a Spin variable. The error lists all invalid variables.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let config = Self {
            courier_url: settings.url("courier_url"),
            sms_url: settings.url("sms_url"),
            user_url: settings.url("user_url"),
        };
        settings.finish(config)
    }
}
