//! Calls to the providers that send messages: the courier and the SMS gateway. Both are third parties.

use std::time::Duration;

use http::Method;
use serde_json::json;
use stoa_service::outbound::{Caller, Peer};

use crate::domain::{Channel, OutgoingMessage};

/// The timeout of a call to a provider. It is shorter than a claim on a delivery, so that no two workers send the same delivery at
/// the same time.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Calls the providers that send messages, on behalf of one request.
pub struct Providers<'a> {
    courier: Peer<'a>,
    sms: Peer<'a>,
}

impl<'a> Providers<'a> {
    /// Creates a client of the courier (e-mail) at `courier_url` and of the SMS gateway at `sms_url`.
    pub fn new(caller: Caller<'a>, courier_url: &'a str, sms_url: &'a str) -> Self {
        Self {
            courier: caller.peer("the courier", courier_url, TIMEOUT),
            sms: caller.peer("the SMS gateway", sms_url, TIMEOUT),
        }
    }

    /// Sends a message through the provider of its channel. The caller logs the returned error, so the error never contains the
    /// recipient's address.
    pub fn send(&self, message: &OutgoingMessage) -> Result<(), String> {
        let OutgoingMessage {
            to, subject, body, ..
        } = message;
        let (peer, call) = match message.channel {
            Channel::Email => {
                let call = self.courier.call(Method::POST, "/courier/messages");
                let mail = json!({"to": to, "subject": subject, "body": body});
                (&self.courier, call.json(&mail))
            }
            Channel::Sms => {
                let call = self.sms.call(Method::POST, "/sms/messages");
                (&self.sms, call.json(&json!({"to": to, "body": body})))
            }
        };
        match peer.try_send(call.idempotency_key(&message.delivery_id.to_string())) {
            Ok(reply) if reply.status.is_success() => Ok(()),
            Ok(reply) => Err(format!(
                "the provider answered with status {} and code `{}`",
                reply.status.as_u16(),
                reply.code()
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}
