//! The client of the card processor: typed calls over HTTP.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use stoa_service::money::Money;
use stoa_service::outbound::{Caller, Peer, PeerError, Reply};
use uuid::Uuid;

use crate::domain::{CardToken, ChargeState, Payment};

/// Timeout of one call to the card processor. A request makes at most two calls, a lookup and a charge. So they take at most 10 s,
/// well below the time limit of the request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Calls the card processor on behalf of one request.
///
/// Every method returns only facts that the processor has confirmed. It returns an error if there is no response, if the status is
/// 5xx, or if the response has an unexpected structure or belongs to another payment. The payment must then keep its status.
pub struct Processor<'a> {
    peer: Peer<'a>,
}

#[derive(Serialize)]
struct ChargeRequest<'a> {
    reference: Uuid,
    amount: Money,
    card_token: &'a str,
}

// A third party may add members to its responses, so unknown members are accepted.
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
    /// Creates a client of the processor at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        let peer = caller.peer("the card processor", url, TIMEOUT);
        Self { peer }
    }

    /// Charges `payment`. The processor charges a reference only once, however often the call is repeated.
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
            (StatusCode::CREATED, _) => self.charge_state(payment, self.peer.read(&reply)?, &reply),
            // Only the code `card_declined` means a decline. A 402 without this code may come from a proxy in front of the
            // processor.
            (StatusCode::PAYMENT_REQUIRED, "card_declined") => Ok(ChargeState::Declined(
                self.peer.read::<Decline>(&reply)?.decline_code,
            )),
            (StatusCode::CONFLICT, "reference_voided") => Ok(ChargeState::Voided),
            _ => Err(self.peer.unexpected(&reply)),
        }
    }

    /// Reads the processor's current state of `payment`. Changes nothing.
    pub fn look_up(&self, payment: &Payment) -> Result<ChargeState, PeerError> {
        let path = format!("/processor/charges?reference={}", payment.payment_id);
        let reply = self.peer.send(self.peer.call(Method::GET, &path))?;
        if reply.status != StatusCode::OK {
            return Err(self.peer.unexpected(&reply));
        }
        let mut found = self.peer.read::<Charges>(&reply)?.items.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Ok(ChargeState::Unknown),
            (Some(charge), None) => self.charge_state(payment, charge, &reply),
            // With two charges for one reference, this service cannot know which charge is valid.
            (Some(_), Some(_)) => Err(self.peer.unexpected(&reply)),
        }
    }

    /// Refunds the money if the payment is captured. Otherwise voids the payment, so that it is never charged.
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

    fn charge_state(
        &self,
        payment: &Payment,
        charge: Charge,
        reply: &Reply,
    ) -> Result<ChargeState, PeerError> {
        let same = charge.reference == payment.payment_id;
        // A charge that was voided before its capture has no amount.
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
