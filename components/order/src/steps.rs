//! What follows from what, pure: the step an order is in and how its call went decide what comes next.
//!
//! ```text
//! forward:       reserving > extending > charging > committing > shipping > confirmed
//!                    |           |          |           |           |
//!                    v           v          v           v           v
//! compensating:  releasing   releasing  refunding   refunding   cancelling_shipment
//!                                                               (refused: refunding)
//!
//!                cancelling_shipment > refunding > releasing > cancelled
//! ```
//!
//! Two things go the other way: a charge that nobody knows the outcome of waits, and a shipment that the carrier has
//! already picked up turns the order into a confirmed one.
//!
//! A rejected charge is looked up before the stock is released, a decline too: a sidecar between order and payment repeats attempts
//! and injects declines, so the response that arrives may hide an earlier attempt that was captured.

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
    /// The call did not leave: it did nothing.
    NotDone(String),
    /// A gatekeeper rejected the call. The service did nothing this time; an earlier attempt may have.
    TurnedAway(String),
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
            Outcome::NotDone(cause)
            | Outcome::TurnedAway(cause)
            | Outcome::Unknown { cause, .. }
            | Outcome::NotYet(cause) => Some(cause.clone()),
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
        (Step::Charging, Outcome::TurnedAway(_)) if how.fresh => {
            turn_back(order, unavailable(Step::Charging), Step::Refunding, now)
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
                order.freed_key = order.idempotency_key.take();
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
            undo(step),
        ),
        (_, "insufficient_stock" | "reservation_closed")
        | (Step::Extending | Step::Committing, _) => {
            let detail = "lines: not enough is in stock".to_owned();
            (
                with(Reason::InsufficientStock, detail, &["short"]),
                undo(step),
            )
        }
        (Step::Charging, _) => {
            let detail = "payment does not take this card token or amount".to_owned();
            (with(Reason::PaymentRefused, detail, &[]), undo(step))
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

/// Turns the order around, from wherever it is; `by` is the customer or an operator. One that is on its way back continues; where a
/// retry would have made a new order, the cancellation counts from now on.
pub fn cancel(order: &mut Order, by: Reason, now: Millis) {
    let who = match by {
        Reason::Operator => "an operator",
        _ => "the customer",
    };
    let failure = Failure::new(by, format!("{who} cancelled the order"));
    if order.direction == Direction::Compensating || order.status == Status::Cancelled {
        if order.failure.as_ref().is_some_and(|f| f.reason.frees_key()) {
            order.failure = Some(failure);
            order.idempotency_key = order.idempotency_key.take().or(order.freed_key.take());
        }
        return;
    }
    let to = undo(order.step);
    if order.status == Status::Pending {
        order.settle("failed", Some(failure.detail.clone()), now);
    }
    order.status = Status::Pending;
    order.direction = Direction::Compensating;
    order.failure = Some(failure);
    order.begin(to, now);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::{Address, Customer};
    use uuid::Uuid;

    fn order(direction: Direction, step: Step) -> Order {
        let eur = serde_json::from_str(r#"{"amount":1,"currency":"EUR"}"#).unwrap();
        let text = String::new;
        let mut order = Order {
            order_id: Uuid::nil(),
            customer: Customer {
                user_id: Uuid::nil(),
                email: text(),
                name: text(),
                phone: None,
            },
            idempotency_key: Some("k".to_owned()),
            fingerprint: text(),
            status: Status::Pending,
            direction,
            step,
            items: Vec::new(),
            total: eur,
            address: Address {
                name: text(),
                street: text(),
                city: text(),
                postal_code: text(),
                country: text(),
            },
            card_token: text(),
            payment: None,
            shipment: None,
            failure: None,
            freed_key: None,
            cart_version: None,
            clear_cart: false,
            doubt_until: 0,
            created_at: 0,
            confirmed_at: None,
            lease: Lease {
                owner: "me".to_owned(),
                until: 9,
            },
            version: 1,
            timeline: Vec::new(),
        };
        order.begin(step, 0);
        order
    }

    fn outcomes() -> Vec<Outcome> {
        let refusal = |code: &str| Refusal {
            code: code.to_owned(),
            detail: String::new(),
            members: Map::new(),
        };
        let shipment = Shipment {
            shipment_id: Uuid::nil(),
            tracking_number: None,
            status: String::new(),
        };
        let mut all = vec![
            Outcome::Done,
            Outcome::Paid(Payment {
                payment_id: Uuid::nil(),
                status: String::new(),
            }),
            Outcome::Shipped(shipment.clone()),
            Outcome::HandedOver(shipment),
            Outcome::StockLost(refusal("insufficient_stock")),
            Outcome::NotDone(String::new()),
            Outcome::TurnedAway(String::new()),
            Outcome::NotYet(String::new()),
            Outcome::Overdue,
        ];
        all.extend([true, false].map(|in_flight| Outcome::Unknown {
            cause: String::new(),
            in_flight,
        }));
        for code in [
            "payment_declined",
            "insufficient_stock",
            "reservation_closed",
            "address_refused",
            "not_found",
        ] {
            all.push(Outcome::Refused(refusal(code)));
        }
        all
    }

    fn apply_to(step: (Direction, Step), outcome: &Outcome, fresh: bool) -> (Order, Turn) {
        let mut order = order(step.0, step.1);
        let how = Try {
            fresh,
            now: 1,
            lease: 60,
        };
        let turn = apply(&mut order, outcome.clone(), how);
        (order, turn)
    }

    /// Every state that can be reached, whatever the others answer.
    fn reachable() -> Vec<(Direction, Step)> {
        let mut found = vec![(Direction::Forward, Step::Reserving)];
        let mut seen = BTreeSet::from(["forward reserving".to_owned()]);
        let mut at = 0;
        while let Some(&state) = found.get(at) {
            at += 1;
            for outcome in outcomes() {
                for fresh in [true, false] {
                    let (order, turn) = apply_to(state, &outcome, fresh);
                    let name = format!("{} {}", order.direction.word(), order.step.word());
                    if turn == Turn::Go && seen.insert(name) {
                        found.push((order.direction, order.step));
                    }
                }
            }
        }
        found
    }

    #[test]
    fn there_are_eight_states_and_from_compensating_only_a_handed_over_parcel_leads_forward() {
        let states = reachable();
        assert_eq!(states.len(), 8, "{states:?}");
        for state in states {
            for outcome in outcomes() {
                let (order, turn) = apply_to(state, &outcome, true);
                let back = state.0 == Direction::Compensating;
                if back && order.direction == Direction::Forward {
                    assert!(matches!(outcome, Outcome::HandedOver(_)), "{outcome:?}");
                    assert_eq!(order.status, Status::Confirmed);
                }
                let confirmed = order.status == Status::Confirmed;
                assert!(
                    !confirmed || order.shipment.is_some(),
                    "{state:?} {outcome:?}"
                );
                let cancelled = order.status == Status::Cancelled;
                assert_eq!(
                    cancelled,
                    state.1 == Step::Releasing && outcome == Outcome::Done
                );
                assert_eq!(matches!(turn, Turn::End { .. }), confirmed || cancelled);
                let let_go = order.lease.owner.is_empty();
                assert_eq!(let_go, turn != Turn::Go, "{state:?} {outcome:?}");
            }
        }
    }

    #[test]
    fn an_unknown_charge_always_waits_and_nothing_else_going_forward_does() {
        for state in reachable() {
            for outcome in outcomes() {
                for fresh in [true, false] {
                    let (_, turn) = apply_to(state, &outcome, fresh);
                    let unknown = matches!(outcome, Outcome::Unknown { .. } | Outcome::NotYet(_));
                    if state == (Direction::Forward, Step::Charging) && unknown {
                        assert_eq!(turn, Turn::Wait);
                    } else if state.0 == Direction::Forward && state.1 != Step::Charging {
                        assert_ne!(turn, Turn::Wait, "{state:?} {outcome:?}");
                    }
                }
            }
        }
        let refused = Outcome::NotDone(String::new());
        let charging = (Direction::Forward, Step::Charging);
        assert_eq!(apply_to(charging, &refused, true).0.step, Step::Releasing);
        assert_eq!(apply_to(charging, &refused, false).1, Turn::Wait);
        let turned_away = Outcome::TurnedAway(String::new());
        assert_eq!(
            apply_to(charging, &turned_away, true).0.step,
            Step::Refunding
        );
    }

    #[test]
    fn every_answer_to_a_charge_but_success_leads_to_a_lookup_before_the_stock_is_released() {
        for outcome in outcomes() {
            let (order, _) = apply_to((Direction::Forward, Step::Charging), &outcome, true);
            let never_left = matches!(outcome, Outcome::NotDone(_));
            assert_eq!(order.step == Step::Releasing, never_left, "{outcome:?}");
        }
    }

    #[test]
    fn what_may_have_been_charged_is_never_released_before_it_is_refunded() {
        for state in reachable() {
            let charged = matches!(
                state.1,
                Step::Committing | Step::Shipping | Step::CancellingShipment | Step::Refunding
            );
            for outcome in outcomes() {
                let (order, _) = apply_to(state, &outcome, false);
                let skipped = order.step == Step::Releasing && state.1 != Step::Refunding;
                assert!(!(charged && skipped), "{state:?} {outcome:?}");
            }
        }
    }
}
