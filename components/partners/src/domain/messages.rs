//! The messages of the courier (e-mail) and the SMS gateway. These third parties store each message that they accept, so that tests
//! can read the messages.

use serde::{Deserialize, Serialize};
use stoa_service::Invalid;
use stoa_service::text::shorten;
use uuid::Uuid;

use super::fields::check_text;

/// A request to send an e-mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The recipient's e-mail address.
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

/// A request to send an SMS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextMessage {
    /// The recipient's telephone number, in the format of E.164.
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
    /// The message's id. Lists are sorted by this id.
    pub message_id: Uuid,
    /// The recipient.
    pub to: String,
    /// The subject of an e-mail; an SMS has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text.
    pub body: String,
    /// The time at which the message was accepted, RFC 3339.
    pub at: String,
}
