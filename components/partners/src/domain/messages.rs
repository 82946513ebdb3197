//! The courier (e-mail) and the SMS gateway: they accept messages and keep them for later reads.

use serde::{Deserialize, Serialize};
use stoa_service::Invalid;
use stoa_service::text::shorten;
use uuid::Uuid;

use super::fields::check_text;

/// A request to send an e-mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
}

impl Mail {
    /// Checks every field.
    pub fn check(&self) -> Result<(), Invalid> {
        check_text("to", &self.to, 320)?;
        if !self.to.contains('@') {
            return Err(Invalid::new(format!(
                "to: `{}` is not an e-mail address",
                shorten(&self.to)
            )));
        }
        check_text("subject", &self.subject, 998)?;
        check_text("body", &self.body, 100_000)
    }
}

/// A request to send a text message.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextMessage {
    /// The number, E.164.
    pub to: String,
    /// The text.
    pub body: String,
}

impl TextMessage {
    /// Checks every field.
    pub fn check(&self) -> Result<(), Invalid> {
        let digits = self.to.strip_prefix('+').unwrap_or_default();
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Invalid::new(format!(
                "to: `{}` is not `+` and 7 to 15 digits (E.164)",
                shorten(&self.to)
            )));
        }
        check_text("body", &self.body, 1600)
    }
}

/// An accepted message, serialized as responses show it.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// Its identity; messages are sorted by it.
    pub message_id: Uuid,
    /// The recipient.
    pub to: String,
    /// The subject of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text.
    pub body: String,
    /// RFC 3339.
    pub at: String,
}
