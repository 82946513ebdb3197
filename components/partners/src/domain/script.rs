//! Scripted failures: the behaviour of a third party for the next requests.

use serde::{Deserialize, Serialize};
use stoa_service::Invalid;
use strum::{EnumString, IntoStaticStr, VariantArray};

/// The longest delay, in milliseconds.
pub const MAX_DELAY_MS: u32 = 60_000;

/// The status of a scripted failure whose script has none.
const DEFAULT_STATUS: u32 = 503;

/// A third party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Partner {
    /// Describes products.
    Pim,
    /// Charges cards.
    Processor,
    /// Carries parcels.
    Carrier,
    /// Sends e-mail.
    Courier,
    /// Sends text messages.
    Sms,
}

impl Partner {
    /// The word in paths, tables and logs.
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// The behaviour of a third party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Mode {
    /// Normally.
    Ok,
    /// Answers with `status` and does nothing.
    Error,
    /// Does its work and answers with `status`.
    LostResponse,
    /// Does its work and answers after `delay_ms`.
    Slow,
}

/// A script, as requests and responses show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The behaviour.
    pub mode: Mode,
    /// The HTTP status of [`Mode::Error`] and [`Mode::LostResponse`], 400 to 599.
    #[serde(default = "default_status")]
    pub status: u32,
    /// The delay of [`Mode::Slow`], 0 to [`MAX_DELAY_MS`].
    #[serde(default)]
    pub delay_ms: u32,
    /// The number of requests to which it applies; `None` applies until the script is deleted.
    #[serde(default)]
    pub remaining: Option<u32>,
}

fn default_status() -> u32 {
    DEFAULT_STATUS
}

impl Script {
    /// No script: the third party behaves normally.
    pub const NONE: Self = Self {
        mode: Mode::Ok,
        status: DEFAULT_STATUS,
        delay_ms: 0,
        remaining: None,
    };

    /// Checks status and delay.
    pub fn check(&self) -> Result<(), Invalid> {
        if !(400..=599).contains(&self.status) {
            return Err(Invalid::new(format!(
                "status: {} is not between 400 and 599",
                self.status
            )));
        }
        if self.delay_ms > MAX_DELAY_MS {
            return Err(Invalid::new(format!(
                "delay_ms: {} is not between 0 and {MAX_DELAY_MS} milliseconds",
                self.delay_ms
            )));
        }
        Ok(())
    }
}
