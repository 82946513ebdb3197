//! Scripted failures. A script defines how a third party handles its next requests.

use serde::{Deserialize, Serialize};
use stoa_service::Invalid;
use strum::{EnumString, IntoStaticStr, VariantArray};

/// The maximum delay, in milliseconds.
pub const MAX_DELAY_MS: u32 = 60_000;

/// The HTTP status of a failure whose script has no `status`.
const DEFAULT_STATUS: u32 = 503;

/// A third party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Partner {
    /// The PIM, which describes products.
    Pim,
    /// The card processor.
    Processor,
    /// The carrier of parcels.
    Carrier,
    /// The courier, which sends e-mails.
    Courier,
    /// The SMS gateway.
    Sms,
}

impl Partner {
    /// The third party's name in paths, tables and logs.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How a third party handles a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Mode {
    /// The third party works normally.
    Ok,
    /// The third party does not do the work of the request, and answers with [`Script::status`].
    Error,
    /// The third party does the work of the request, but answers with [`Script::status`].
    LostResponse,
    /// The third party does the work of the request, and answers after [`Script::delay_ms`].
    Slow,
}

/// A script, as requests and responses show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// How the third party handles requests.
    pub mode: Mode,
    /// The HTTP status of [`Mode::Error`] and [`Mode::LostResponse`], 400 to 599.
    #[serde(default = "default_status")]
    pub status: u32,
    /// The delay of [`Mode::Slow`], 0 to [`MAX_DELAY_MS`] milliseconds.
    #[serde(default)]
    pub delay_ms: u32,
    /// The number of requests to which the script still applies. `None`: the script applies until it is deleted.
    #[serde(default)]
    pub remaining: Option<u32>,
}

fn default_status() -> u32 {
    DEFAULT_STATUS
}

impl Script {
    /// The script of a third party that works normally.
    pub const NONE: Self = Self {
        mode: Mode::Ok,
        status: DEFAULT_STATUS,
        delay_ms: 0,
        remaining: None,
    };

    /// Checks the status and the delay.
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
