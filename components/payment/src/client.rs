//! The card processor, as typed calls over HTTP.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use stoa_service::money::Money;
use stoa_service::outbound::{Caller, Outbound, Peer, Reply};
use stoa_service::{Context, Problem};
use uuid::Uuid;

use crate::domain::{CardToken, Finding, Payment};

/// How long one call may take: a look-up and a charge together stay well below the request limit.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// The card processor, on behalf of one request.
///
/// Every method answers what the processor is known to have done. Any doubt (no answer, a 5xx, an answer that does not
/// fit) is 503: the payment stays as it is.
pub struct Processor<'a> {
    peer: Peer<'a>,
}

#[derive(Serialize)]
struct ChargeRequest<'a> {
    reference: Uuid,
    amount: Money,
    card_token: &'a str,
}

// Third parties add members as they like, so unknown ones are not refused.
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
    pub fn new(outbound: &'a dyn Outbound, context: &'a Context, url: &'a str) -> Self {
        let peer = Caller { outbound, context }.peer("the card processor", url, TIMEOUT);
        Self { peer }
    }

    /// Charges `payment`. The processor charges a reference once, however often it is asked.
    pub fn charge(&self, payment: &Payment, token: &CardToken) -> Result<Finding, Problem> {
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
            (StatusCode::CREATED, _) => self.finding(payment, self.peer.read(&reply)?, &reply),
            // Only the processor's own word is a decline: a 402 of whoever stands between is not.
            (StatusCode::PAYMENT_REQUIRED, "card_declined") => Ok(Finding::Declined(
                self.peer.read::<Decline>(&reply)?.decline_code,
            )),
            (StatusCode::CONFLICT, "reference_voided") => Ok(Finding::Voided),
            _ => Err(self.peer.unexpected(&reply).into()),
        }
    }

    /// What became of `payment`. Changes nothing.
    pub fn look_up(&self, payment: &Payment) -> Result<Finding, Problem> {
        let path = format!("/processor/charges?reference={}", payment.payment_id);
        let reply = self.peer.send(self.peer.call(Method::GET, &path))?;
        if reply.status != StatusCode::OK {
            return Err(self.peer.unexpected(&reply).into());
        }
        let mut found = self.peer.read::<Charges>(&reply)?.items.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Ok(Finding::Nothing),
            (Some(charge), None) => self.finding(payment, charge, &reply),
            // Two charges of one reference: nobody here can say which counts.
            (Some(_), Some(_)) => Err(self.peer.unexpected(&reply).into()),
        }
    }

    /// Gives the money back, or sees to it that it is never taken.
    pub fn refund(&self, payment: &Payment) -> Result<Finding, Problem> {
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
                    "refunded" if refund.reference == payment.payment_id => Ok(Finding::Refunded),
                    "voided" if refund.reference == payment.payment_id => Ok(Finding::Voided),
                    _ => Err(self.peer.unexpected(&reply).into()),
                }
            }
            (StatusCode::CONFLICT, "charge_declined") => Ok(Finding::Declined(
                self.peer.read::<Decline>(&reply)?.decline_code,
            )),
            _ => Err(self.peer.unexpected(&reply).into()),
        }
    }

    fn finding(
        &self,
        payment: &Payment,
        charge: Charge,
        reply: &Reply,
    ) -> Result<Finding, Problem> {
        let same = charge.reference == payment.payment_id;
        // What was voided before it was charged has no amount.
        let fits = same && charge.amount.is_none_or(|a| a == payment.amount);
        match (charge.status.as_str(), charge.decline_code) {
            ("captured", _) if fits && charge.amount.is_some() => Ok(Finding::Captured),
            ("refunded", _) if fits => Ok(Finding::Refunded),
            ("declined", Some(code)) if fits => Ok(Finding::Declined(code)),
            ("voided", _) if fits => Ok(Finding::Voided),
            _ => Err(self.peer.unexpected(reply).into()),
        }
    }
}
