//! The providers that carry messages, over [`Outbound`].

use std::time::Duration;

use http::Method;
use serde_json::json;
use stoa_service::Context;
use stoa_service::outbound::{Call, Outbound};
use uuid::Uuid;

use crate::config::Config;
use crate::domain::Channel;

/// How long a provider may take; a delivery's lease is longer.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// A message with its address.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The key by which a provider knows a repeat.
    pub delivery_id: Uuid,
    /// Which provider.
    pub channel: Channel,
    /// An e-mail address or a telephone number.
    pub to: String,
    /// One line; not part of an SMS.
    pub subject: String,
    /// The text.
    pub body: String,
}

/// Hands the letter to its provider. The error is for the log, and names no address.
pub fn send(
    outbound: &dyn Outbound,
    config: &Config,
    context: &Context,
    letter: &Letter,
) -> Result<(), String> {
    let Letter {
        to, subject, body, ..
    } = letter;
    let call = match letter.channel {
        Channel::Email => Call::new(
            context,
            Method::POST,
            &config.courier_url,
            "/courier/messages",
        )
        .json(&json!({"to": to, "subject": subject, "body": body})),
        Channel::Sms => Call::new(context, Method::POST, &config.sms_url, "/sms/messages")
            .json(&json!({"to": to, "body": body})),
    };
    let call = call
        .idempotency_key(&letter.delivery_id.to_string())
        .timeout(TIMEOUT);
    match outbound.send(call) {
        Ok(reply) if reply.status.is_success() => Ok(()),
        Ok(reply) => Err(format!("status {} {}", reply.status.as_u16(), reply.code())),
        Err(error) => Err(error.to_string()),
    }
}
