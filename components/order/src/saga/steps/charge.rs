//! The step that charges the card, and its compensation, the refund.
//!
//! After a rejected or declined charge, the payment is looked up before the stock is released. A sidecar between `order` and
//! `payment` retries calls and injects declines. So the response to a retry may be a decline although an earlier attempt captured
//! the payment.

use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Failure, Order, Payment, Reason, Receipt};
use crate::saga::failures;
use crate::saga::step::{Compensation, Obstacle, Saga, Step, UndoOutcome, Verdict};

/// The step that charges the customer's card.
pub(super) struct Charge;

impl Step for Charge {
    fn name(&self) -> &'static str {
        "charging"
    }

    fn peer(&self) -> &'static str {
        "payment"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure> {
        saga.clients.payment.charge(order).map(Receipt::Payment)
    }

    /// Extends the reservation again before a retry of the charge, because the reservation may have expired.
    fn obstacle_to_retry(&self, saga: &Saga<'_>, order: &Order) -> Option<Obstacle> {
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

    fn on_refusal(&self, refusal: Refusal) -> Verdict {
        Verdict::undo(match refusal.code.as_str() {
            "payment_declined" => Failure {
                members: failures::member(&refusal.members, "decline_code"),
                ..Failure::new(Reason::PaymentDeclined, refusal.detail)
            },
            _ => Failure::new(
                Reason::PaymentRefused,
                "payment: the payment service does not accept the card token or the amount",
            ),
        })
    }

    fn on_failure(&self, failure: &CallFailure, first_attempt: bool) -> Verdict {
        let unavailable = failures::unavailable(self.peer());
        match failure {
            // This was the only attempt, and its call was not sent. So nothing was charged.
            CallFailure::NotSent(_) if first_attempt => Verdict::undo_earlier(unavailable),
            CallFailure::NotReached(_) if first_attempt => Verdict::undo(unavailable),
            // The outcome is unknown. The order waits, and the charge is looked up later. Until then the order is neither treated
            // as declined nor compensated.
            _ => Verdict::Wait,
        }
    }

    fn compensation(&self) -> Option<&'static dyn Compensation> {
        Some(&Refund)
    }
}

struct Refund;

impl Compensation for Refund {
    fn name(&self) -> &'static str {
        "refunding"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<UndoOutcome, CallFailure> {
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
            Ok(other) => Ok(UndoOutcome::NotYet(format!(
                "the payment has the status {}, expected refunded or voided",
                other.status
            ))),
            // A sidecar may have injected this decline, so the record of the service `payment` decides.
            Err(CallFailure::Refused(refusal)) if refusal.code == "payment_declined" => {
                match payments.of_order(order.order_id)? {
                    Some(payment) if payment.status == "declined" => Ok(done(payment)),
                    _ => Ok(UndoOutcome::NotYet(refusal.detail)),
                }
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Whether the payment has a final status in which the shop holds no money.
fn holds_no_money(payment: &Payment) -> bool {
    matches!(payment.status.as_str(), "declined" | "refunded" | "voided")
}

fn done(payment: Payment) -> UndoOutcome {
    UndoOutcome::Done(Receipt::Payment(payment))
}
