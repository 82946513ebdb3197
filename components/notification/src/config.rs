//! Validated settings.

use stoa_service::settings::{Faults, Settings};

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Config {
    /// `courier_url`: the provider of e-mail.
    pub courier_url: String,
    /// `sms_url`: the provider of SMS.
    pub sms_url: String,
    /// `user_url`: the issuer of accepted tokens.
    pub user_url: String,
}

impl Config {
    /// Reads the settings from a source of variables.
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
