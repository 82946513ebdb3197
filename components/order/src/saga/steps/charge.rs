//! The card is charged; undone by a refund.
//!
//! After a rejected or declined charge, the payment is looked up before the stock is released. A sidecar between order and payment
//! retries calls and injects declines, so the response that arrives may hide an earlier attempt that was captured.

use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Failure, Order, Payment, Reason, Receipt};
use crate::saga::failures;
use crate::saga::step::{Compensation, Obstacle, Saga, Step, Undone, Verdict};

/// Charges the card.
pub(super) struct Charge;

impl Step for Charge {
    fn word(&self) -> &'static str {
        "charging"
    }

    fn peer(&self) -> &'static str {
        "payment"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure> {
        saga.clients.payment.charge(order).map(Receipt::Payment)
    }

    /// The stock to be charged for may be gone.
    fn reconsider(&self, saga: &Saga<'_>, order: &Order) -> Option<Obstacle> {
        if let Some(overdue) = saga.overdue(order) {
            return Some(overdue);
        }
        match saga.clients.inventory.extend(order, saga.hold_seconds) {
            Ok(()) => None,
            Err(CallFailure::Refused(refusal)) => Some(Obstacle::Failure {
                failure: failures::out_of_stock(&refusal),
                cause: CallFailure::Refused(refusal).to_string(),
            }),
            Err(failure) => Some(Obstacle::NotYet(failure.to_string())),
        }
    }

    fn refused(&self, refusal: Refusal) -> Verdict {
        Verdict::undo(match refusal.code.as_str() {
            "payment_declined" => Failure {
                members: failures::selected(&refusal.members, "decline_code"),
                ..Failure::new(Reason::PaymentDeclined, refusal.detail)
            },
            _ => Failure::new(
                Reason::PaymentRefused,
                "payment does not take this card token or amount",
            ),
        })
    }

    fn failed(&self, failure: &CallFailure, fresh: bool) -> Verdict {
        let unavailable = failures::unavailable(self.peer());
        match failure {
            // There was no earlier attempt, and this one did nothing: nothing was charged.
            CallFailure::NotDone(_) if fresh => Verdict::undo_earlier(unavailable),
            CallFailure::TurnedAway(_) if fresh => Verdict::undo(unavailable),
            // Never treated as a decline, never compensated: looked up later.
            _ => Verdict::Wait,
        }
    }

    fn compensation(&self) -> Option<&'static dyn Compensation> {
        Some(&Refund)
    }
}

struct Refund;

impl Compensation for Refund {
    fn word(&self) -> &'static str {
        "refunding"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Undone, CallFailure> {
        let payments = &saga.clients.payment;
        let known = match &order.payment {
            Some(payment) => Some(payment.clone()),
            None => payments.of_order(order.order_id)?,
        };
        let Some(payment) = known else {
            return Ok(saga.nothing_to_undo(order));
        };
        if holds_no_money(&payment) {
            return Ok(done(payment));
        }
        match payments.refund(order, payment.payment_id) {
            Ok(refunded) if matches!(refunded.status.as_str(), "refunded" | "voided") => {
                Ok(done(refunded))
            }
            Ok(other) => Ok(Undone::NotYet(format!("the payment is {}", other.status))),
            // It was declined if payment's own record agrees: a sidecar may have injected this response.
            Err(CallFailure::Refused(refusal)) if refusal.code == "payment_declined" => {
                match payments.of_order(order.order_id)? {
                    Some(payment) if payment.status == "declined" => Ok(done(payment)),
                    _ => Ok(Undone::NotYet(refusal.detail)),
                }
            }
            Err(failure) => Err(failure),
        }
    }
}

/// These statuses are final.
fn holds_no_money(payment: &Payment) -> bool {
    matches!(payment.status.as_str(), "declined" | "refunded" | "voided")
}

fn done(payment: Payment) -> Undone {
    Undone::Done(Receipt::Payment(payment))
}
