//! The card processor, as typed calls over HTTP.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use stoa_service::money::Money;
use stoa_service::outbound::{Caller, Peer, PeerError, Reply};
use uuid::Uuid;

use crate::domain::{CardToken, ChargeState, Payment};

/// Timeout of one call: a lookup and a charge together stay well below the request limit.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The card processor, on behalf of one request.
///
/// Every method returns what the processor is known to have done. In all other cases (no response, a 5xx, a response of another shape
/// or about another payment) it returns an error, and the payment stays as it is.
pub struct Processor<'a> {
    peer: Peer<'a>,
}

#[derive(Serialize)]
struct ChargeRequest<'a> {
    reference: Uuid,
    amount: Money,
    card_token: &'a str,
}

// Third parties may add members, so unknown ones are accepted.
#[derive(Deserialize)]
struct Charge {
    reference: Uuid,
    amount: Option<Money>,
    status: String,
    decline_code: Option<String>,
}

#[derive(Deserialize)]
struct Charges {
    items: Vec<Charge>,
}

#[derive(Deserialize)]
struct Refund {
    reference: Uuid,
    status: String,
}

#[derive(Deserialize)]
struct Decline {
    decline_code: String,
}

impl<'a> Processor<'a> {
    /// The processor at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        let peer = caller.peer("the card processor", url, TIMEOUT);
        Self { peer }
    }

    /// Charges `payment`. The processor charges a reference once, for any number of repeats.
    pub fn charge(&self, payment: &Payment, token: &CardToken) -> Result<ChargeState, PeerError> {
        let reply = self.peer.send(
            self.peer
                .call(Method::POST, "/processor/charges")
                .idempotency_key(&payment.payment_id.to_string())
                .json(&ChargeRequest {
                    reference: payment.payment_id,
                    amount: payment.amount,
                    card_token: token.reveal(),
                }),
        )?;
        match (reply.status, reply.code().as_str()) {
            (StatusCode::CREATED, _) => self.state(payment, self.peer.read(&reply)?, &reply),
            // Only the processor's own code is a decline: a 402 from a proxy in between is not.
            (StatusCode::PAYMENT_REQUIRED, "card_declined") => Ok(ChargeState::Declined(
                self.peer.read::<Decline>(&reply)?.decline_code,
            )),
            (StatusCode::CONFLICT, "reference_voided") => Ok(ChargeState::Voided),
            _ => Err(self.peer.unexpected(&reply)),
        }
    }

    /// The processor's current state of `payment`. Changes nothing.
    pub fn look_up(&self, payment: &Payment) -> Result<ChargeState, PeerError> {
        let path = format!("/processor/charges?reference={}", payment.payment_id);
        let reply = self.peer.send(self.peer.call(Method::GET, &path))?;
        if reply.status != StatusCode::OK {
            return Err(self.peer.unexpected(&reply));
        }
        let mut found = self.peer.read::<Charges>(&reply)?.items.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Ok(ChargeState::Unknown),
            (Some(charge), None) => self.state(payment, charge, &reply),
            // Two charges of one reference: this service cannot know which one counts.
            (Some(_), Some(_)) => Err(self.peer.unexpected(&reply)),
        }
    }

    /// Refunds the money, or makes sure that it is never taken.
    pub fn refund(&self, payment: &Payment) -> Result<ChargeState, PeerError> {
        let reply = self.peer.send(
            self.peer
                .call(Method::POST, "/processor/refunds")
                .idempotency_key(&format!("refund-{}", payment.payment_id))
                .json(&serde_json::json!({"reference": payment.payment_id})),
        )?;
        match (reply.status, reply.code().as_str()) {
            (StatusCode::OK, _) => {
                let refund: Refund = self.peer.read(&reply)?;
                match refund.status.as_str() {
                    "refunded" if refund.reference == payment.payment_id => {
                        Ok(ChargeState::Refunded)
                    }
                    "voided" if refund.reference == payment.payment_id => Ok(ChargeState::Voided),
                    _ => Err(self.peer.unexpected(&reply)),
                }
            }
            (StatusCode::CONFLICT, "charge_declined") => Ok(ChargeState::Declined(
                self.peer.read::<Decline>(&reply)?.decline_code,
            )),
            _ => Err(self.peer.unexpected(&reply)),
        }
    }

    fn state(
        &self,
        payment: &Payment,
        charge: Charge,
        reply: &Reply,
    ) -> Result<ChargeState, PeerError> {
        let same = charge.reference == payment.payment_id;
        // A charge that was voided before it was captured has no amount.
        let matches = same && charge.amount.is_none_or(|a| a == payment.amount);
        match (charge.status.as_str(), charge.decline_code) {
            ("captured", _) if matches && charge.amount.is_some() => Ok(ChargeState::Captured),
            ("refunded", _) if matches => Ok(ChargeState::Refunded),
            ("declined", Some(code)) if matches => Ok(ChargeState::Declined(code)),
            ("voided", _) if matches => Ok(ChargeState::Voided),
            _ => Err(self.peer.unexpected(reply)),
        }
    }
}
