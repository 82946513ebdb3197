//! The providers that send messages; both are third parties.

use std::time::Duration;

use http::Method;
use serde_json::json;
use stoa_service::outbound::{Caller, Peer};

use crate::domain::{Channel, Letter};

/// Timeout of a provider; a delivery's lease is longer.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// The providers, on behalf of one request.
pub struct Providers<'a> {
    courier: Peer<'a>,
    sms: Peer<'a>,
}

impl<'a> Providers<'a> {
    /// The courier sends e-mails.
    pub fn new(caller: Caller<'a>, courier_url: &'a str, sms_url: &'a str) -> Self {
        Self {
            courier: caller.peer("the courier", courier_url, TIMEOUT),
            sms: caller.peer("the SMS provider", sms_url, TIMEOUT),
        }
    }

    /// Sends the letter to its provider. The error is for the log, and has no address in it.
    pub fn send(&self, letter: &Letter) -> Result<(), String> {
        let Letter {
            to, subject, body, ..
        } = letter;
        let (peer, call) = match letter.channel {
            Channel::Email => {
                let call = self.courier.call(Method::POST, "/courier/messages");
                let message = json!({"to": to, "subject": subject, "body": body});
                (&self.courier, call.json(&message))
            }
            Channel::Sms => {
                let call = self.sms.call(Method::POST, "/sms/messages");
                (&self.sms, call.json(&json!({"to": to, "body": body})))
            }
        };
        match peer.try_send(call.idempotency_key(&letter.delivery_id.to_string())) {
            Ok(reply) if reply.status.is_success() => Ok(()),
            Ok(reply) => Err(format!("status {} {}", reply.status.as_u16(), reply.code())),
            Err(error) => Err(error.to_string()),
        }
    }
}
