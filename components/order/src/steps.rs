//! What follows from what, pure: the step an order is in and how its call went decide what comes next.
//!
//! ```text
//! forward:       reserving > extending > charging > committing > shipping > confirmed
//!                    |           |          |           |           |
//!                    v           v          v           v           v
//! compensating:  releasing   releasing  refunding   refunding   cancelling_shipment
//!                (declined: releasing)              (refused: refunding)
//!
//!                cancelling_shipment > refunding > releasing > cancelled
//! ```
//!
//! Two things go the other way: a charge that nobody knows the outcome of waits, and a shipment that the carrier has
//! already picked up turns the order into a confirmed one.

use serde_json::{Map, Value};
use stoa_service::time::Millis;

use crate::domain::{
    Direction, Entry, Failure, Lease, Order, Payment, Reason, Shipment, Status, Step,
};

/// A definite no of another service.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The `code` of its problem document.
    pub code: String,
    /// Its sentence for a person.
    pub detail: String,
    /// The document.
    pub members: Map<String, Value>,
}

/// How a step's call went.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Done; there is nothing to remember.
    Done,
    /// Done (charged, or given back), and this is the payment now.
    Paid(Payment),
    /// Done (handed to the carrier, or called off), and this is the shipment now.
    Shipped(Shipment),
    /// The other service said no: nothing happened, and nothing will.
    Refused(Refusal),
    /// A charge is taken up again, and the stock it is for is gone.
    StockLost(Refusal),
    /// The carrier has the parcel: it cannot be called off.
    HandedOver(Shipment),
    /// The call did nothing.
    NotDone(String),
    /// The call may have done what it should.
    Unknown {
        /// For the log.
        cause: String,
        /// It may even still be on its way.
        in_flight: bool,
    },
    /// To be tried again.
    NotYet(String),
    /// The order is taken up again, but too late to charge for it.
    Overdue,
}

impl Outcome {
    /// What the log should say of it, where something went wrong.
    pub fn cause(&self) -> Option<String> {
        match self {
            Outcome::NotDone(cause) | Outcome::Unknown { cause, .. } | Outcome::NotYet(cause) => {
                Some(cause.clone())
            }
            Outcome::Refused(refusal) | Outcome::StockLost(refusal) => {
                Some(format!("{}: {}", refusal.code, refusal.detail))
            }
            Outcome::HandedOver(_) => Some("the carrier has the parcel".to_owned()),
            Outcome::Overdue => Some("taken up again too late".to_owned()),
            Outcome::Done | Outcome::Paid(_) | Outcome::Shipped(_) => None,
        }
    }
}

/// What the driver does after the order was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Go on with the order's new step.
    Go,
    /// Stop; recovery, or the customer's repeat, goes on later.
    Wait,
    /// The end, and whether the world has to hear of it.
    End {
        /// The type of the event.
        event: Option<&'static str>,
    },
}

/// How the call was made.
#[derive(Debug, Clone, Copy)]
pub struct Try {
    /// The first try of this step: nobody made the call before.
    pub fresh: bool,
    /// Now.
    pub now: Millis,
    /// The length of a lease, which no call outlives.
    pub lease: Millis,
}

/// Changes `order` by the outcome of its current step.
pub fn apply(order: &mut Order, outcome: Outcome, how: Try) -> Turn {
    if let Outcome::Unknown {
        in_flight: true, ..
    } = outcome
    {
        order.doubt_until = how.now + how.lease;
    }
    match order.direction {
        Direction::Forward => forward(order, outcome, how),
        Direction::Compensating => backward(order, outcome, how.now),
    }
}

fn forward(order: &mut Order, outcome: Outcome, how: Try) -> Turn {
    let now = how.now;
    match (order.step, outcome) {
        (Step::Reserving, Outcome::Done) => go(order, Step::Extending, now),
        // It ran out before it was taken up again: extending takes the stock anew, or says that it is gone.
        (Step::Reserving, Outcome::Refused(r)) if r.code == "reservation_closed" => {
            go(order, Step::Extending, now)
        }
        (Step::Extending, Outcome::Done) => go(order, Step::Charging, now),
        (Step::Charging, Outcome::Paid(payment)) => {
            order.payment = Some(payment);
            go(order, Step::Committing, now)
        }
        (Step::Committing, Outcome::Done) => go(order, Step::Shipping, now),
        (Step::Shipping, Outcome::Shipped(shipment)) => {
            order.shipment = Some(shipment);
            order.settle("done", None, now);
            confirm(order, now)
        }
        (step, Outcome::Refused(refusal) | Outcome::StockLost(refusal)) => {
            let (failure, to) = refused(step, refusal);
            turn_back(order, failure, to, now)
        }
        (step, Outcome::Overdue) => {
            let detail = "it took too long to complete the order";
            turn_back(
                order,
                Failure::new(Reason::Unresolved, detail),
                undo(step),
                now,
            )
        }
        // Nobody charged before, and this call did nothing: nothing was charged.
        (Step::Charging, Outcome::NotDone(_)) if how.fresh => {
            turn_back(order, unavailable(Step::Charging), Step::Releasing, now)
        }
        // Never taken for a decline, never compensated: looked up later.
        (Step::Charging, _) => wait(order, now),
        (step, _) => turn_back(order, unavailable(step), undo(step), now),
    }
}

fn backward(order: &mut Order, outcome: Outcome, now: Millis) -> Turn {
    match (order.step, outcome) {
        (Step::CancellingShipment, Outcome::Shipped(shipment)) => {
            order.shipment = Some(shipment);
            go(order, Step::Refunding, now)
        }
        (Step::CancellingShipment, Outcome::Done) => go(order, Step::Refunding, now),
        (Step::CancellingShipment, Outcome::HandedOver(shipment)) => {
            order.shipment = Some(shipment);
            let detail = "the carrier already has the parcel".to_owned();
            order.settle("failed", Some(detail), now);
            confirm(order, now)
        }
        (Step::Refunding, Outcome::Paid(payment)) => {
            order.payment = Some(payment);
            go(order, Step::Releasing, now)
        }
        (Step::Refunding, Outcome::Done) => go(order, Step::Releasing, now),
        (Step::Releasing, Outcome::Done) => {
            order.settle("done", None, now);
            order.status = Status::Cancelled;
            if order.failure.as_ref().is_some_and(|f| f.reason.frees_key()) {
                order.idempotency_key = None;
            }
            let detail = order.failure.as_ref().map(|f| f.reason.word().to_owned());
            end(order, "cancelled", detail, now);
            Turn::End {
                event: Some("stoa.order.cancelled"),
            }
        }
        _ => wait(order, now),
    }
}

/// The step that undoes `step`, which may or may not have been done.
fn undo(step: Step) -> Step {
    match step {
        Step::Charging | Step::Committing => Step::Refunding,
        Step::Shipping | Step::Done => Step::CancellingShipment,
        _ => Step::Releasing,
    }
}

/// Why the order fails, and where its compensation begins: the refused step itself has nothing to undo.
fn refused(step: Step, refusal: Refusal) -> (Failure, Step) {
    let Refusal {
        code,
        detail,
        members,
    } = refusal;
    let with = |reason: Reason, detail: String, names: &[&str]| Failure {
        reason,
        detail,
        members: members
            .into_iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .collect(),
    };
    match (step, code.as_str()) {
        (Step::Charging, "payment_declined") => (
            with(Reason::PaymentDeclined, detail, &["decline_code"]),
            Step::Releasing,
        ),
        (_, "insufficient_stock" | "reservation_closed")
        | (Step::Extending | Step::Committing, _) => {
            let detail = "lines: not enough is in stock".to_owned();
            (
                with(Reason::InsufficientStock, detail, &["short"]),
                undo(step),
            )
        }
        // Any other no may hide a payment made before.
        (Step::Charging, _) => {
            let detail = "payment does not take this card token or amount".to_owned();
            (with(Reason::PaymentRefused, detail, &[]), Step::Refunding)
        }
        (Step::Shipping, "address_refused") => {
            (with(Reason::AddressRefused, detail, &[]), Step::Refunding)
        }
        _ => (unavailable(step), undo(step)),
    }
}

fn unavailable(step: Step) -> Failure {
    let peer = match step {
        Step::Charging | Step::Refunding => "payment",
        Step::Shipping | Step::CancellingShipment => "shipping",
        _ => "inventory",
    };
    Failure::new(Reason::Unavailable, format!("{peer} does not answer"))
}

fn go(order: &mut Order, step: Step, now: Millis) -> Turn {
    order.settle("done", None, now);
    order.begin(step, now);
    Turn::Go
}

fn turn_back(order: &mut Order, failure: Failure, to: Step, now: Millis) -> Turn {
    order.settle("failed", Some(failure.detail.clone()), now);
    order.direction = Direction::Compensating;
    order.failure = Some(failure);
    order.begin(to, now);
    Turn::Go
}

fn wait(order: &mut Order, now: Millis) -> Turn {
    order.settle("waiting", Some("will be tried again".to_owned()), now);
    order.lease = free(now);
    Turn::Wait
}

fn confirm(order: &mut Order, now: Millis) -> Turn {
    let first = order.confirmed_at.is_none();
    order.status = Status::Confirmed;
    order.direction = Direction::Forward;
    order.failure = None;
    order.confirmed_at = order.confirmed_at.or(Some(now));
    end(order, "confirmed", None, now);
    Turn::End {
        event: first.then_some("stoa.order.confirmed"),
    }
}

fn end(order: &mut Order, word: &'static str, detail: Option<String>, now: Millis) {
    order.step = Step::Done;
    order.lease = free(now);
    order.timeline.push(Entry {
        step: word,
        status: "done",
        at: now,
        detail,
    });
}

fn free(now: Millis) -> Lease {
    Lease {
        owner: String::new(),
        until: now,
    }
}

/// The customer wants no more of it: from wherever the order is, backwards. One that is on its way back goes on.
pub fn cancel(order: &mut Order, now: Millis) {
    if order.direction == Direction::Compensating || order.status == Status::Cancelled {
        return;
    }
    let failure = Failure::new(Reason::Customer, "the customer cancelled the order");
    let to = undo(order.step);
    if order.status == Status::Pending {
        order.settle("failed", Some(failure.detail.clone()), now);
    }
    order.status = Status::Pending;
    order.direction = Direction::Compensating;
    order.failure = Some(failure);
    order.begin(to, now);
}
