//! Plans, orders and outcomes for the tests of transitions.

use std::collections::BTreeSet;

use serde_json::Map;
use uuid::Uuid;

use super::super::*;
use crate::clients::outcome::Refusal;
use crate::domain::{Address, Customer, Payment, Shipment};
use crate::saga::failures;
use crate::saga::step::Saga;
use crate::saga::steps::STEPS;

/// An example of a step that a later release may add between the charge and the commit.
struct Screen;

impl Step for Screen {
    fn name(&self) -> &'static str {
        "screening"
    }

    fn peer(&self) -> &'static str {
        "fraud"
    }

    fn call(&self, _: &Saga<'_>, _: &Order) -> Result<Receipt, CallFailure> {
        Ok(Receipt::Nothing)
    }

    fn on_refusal(&self, _: Refusal) -> Verdict {
        Verdict::undo(failures::unavailable(self.peer()))
    }

    fn compensation(&self) -> Option<&'static dyn Compensation> {
        Some(&Unscreen)
    }
}

struct Unscreen;

impl Compensation for Unscreen {
    fn name(&self) -> &'static str {
        "unscreening"
    }

    fn call(&self, _: &Saga<'_>, _: &Order) -> Result<UndoOutcome, CallFailure> {
        Ok(UndoOutcome::Done(Receipt::Nothing))
    }
}

pub(super) fn plan_with_added_step() -> Plan {
    let mut steps = STEPS.0.to_vec();
    steps.insert(3, &Screen);
    Plan(steps.leak())
}

pub(super) fn plans() -> [Plan; 2] {
    [STEPS, plan_with_added_step()]
}

pub(super) type State = (Direction, String);

pub(super) fn state(direction: Direction, name: &str) -> State {
    (direction, name.to_owned())
}

pub(super) fn forward_at(name: &str) -> State {
    state(Direction::Forward, name)
}

pub(super) fn order((direction, name): &State) -> Order {
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
        direction: *direction,
        step: StepName::DONE,
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
        uncertain_until: 0,
        created_at: 0,
        confirmed_at: None,
        lease: Lease {
            owner: "me".to_owned(),
            until: 9,
        },
        version: 1,
        timeline: Vec::new(),
    };
    order.begin(StepName::from(name.clone()), 0);
    order
}

pub(super) fn refusal(code: &str) -> Outcome {
    Outcome::Failed(CallFailure::Refused(Refusal {
        code: code.to_owned(),
        detail: String::new(),
        members: Map::new(),
    }))
}

pub(super) fn unknown(in_flight: bool) -> Outcome {
    Outcome::Failed(CallFailure::Unknown {
        cause: String::new(),
        in_flight,
    })
}

pub(super) fn receipts() -> [Receipt; 3] {
    let payment = Payment {
        payment_id: Uuid::nil(),
        status: String::new(),
    };
    let shipment = Shipment {
        shipment_id: Uuid::nil(),
        tracking_number: None,
        status: String::new(),
    };
    [
        Receipt::Nothing,
        Receipt::Payment(payment),
        Receipt::Shipment(shipment),
    ]
}

/// The outcome of a compensation that cannot undo its step. Only the compensation of the step `shipping` can have this outcome.
pub(super) fn impossible() -> Outcome {
    let [.., receipt] = receipts();
    Outcome::Compensated(UndoOutcome::Impossible {
        receipt,
        detail: "",
    })
}

pub(super) fn outcomes() -> Vec<Outcome> {
    let text = String::new;
    let failure = Failure::new(Reason::Unresolved, "");
    let mut all = vec![
        impossible(),
        Outcome::Failed(CallFailure::NotSent(text())),
        Outcome::Failed(CallFailure::NotReached(text())),
        unknown(true),
        unknown(false),
        Outcome::Obstructed(Obstacle::Failure {
            failure,
            cause: text(),
        }),
        Outcome::Obstructed(Obstacle::NotYet(text())),
        Outcome::Compensated(UndoOutcome::NotYet(text())),
    ];
    for receipt in receipts() {
        all.push(Outcome::Done(receipt.clone()));
        all.push(Outcome::Compensated(UndoOutcome::Done(receipt)));
    }
    for code in [
        "payment_declined",
        "insufficient_stock",
        "reservation_closed",
        "address_refused",
        "not_found",
    ] {
        all.push(refusal(code));
    }
    all
}

/// The outcomes that the step or compensation at `state` can have.
pub(super) fn outcomes_at(state: &State) -> Vec<Outcome> {
    let compensating = state.0 == Direction::Compensating;
    let is_possible = |outcome: &Outcome| match outcome {
        Outcome::Compensated(_) => compensating,
        Outcome::Done(Receipt::Shipment(_)) => state.1 == "shipping",
        Outcome::Done(Receipt::Nothing | Receipt::Payment(_)) => {
            !compensating && state.1 != "shipping"
        }
        Outcome::Obstructed(_) => !compensating,
        Outcome::Failed(_) => true,
    };
    outcomes().into_iter().filter(is_possible).collect()
}

pub(super) fn apply_to(
    plan: &Plan,
    state: &State,
    outcome: &Outcome,
    first_attempt: bool,
) -> (Order, Transition) {
    let mut order = order(state);
    let attempt = Attempt {
        first_attempt,
        now: 1,
        lease: 60,
    };
    let position = plan.position(&order).unwrap();
    let transition = apply(plan, &mut order, position, outcome.clone(), attempt);
    (order, transition)
}

pub(super) fn state_of(order: &Order) -> State {
    state(order.direction, order.step.as_str())
}

/// The states that an order can reach, for all possible outcomes of its calls.
pub(super) fn reachable(plan: &Plan) -> Vec<State> {
    let mut first = order(&forward_at("none"));
    start(plan, &mut first, 0);
    let mut found = vec![state_of(&first)];
    let mut names_found = BTreeSet::from([first.step.to_string()]);
    let mut next = 0;
    while let Some(state) = found.get(next).cloned() {
        next += 1;
        for outcome in outcomes_at(&state) {
            for first_attempt in [true, false] {
                let (order, transition) = apply_to(plan, &state, &outcome, first_attempt);
                if transition == Transition::Continue && names_found.insert(order.step.to_string())
                {
                    found.push(state_of(&order));
                }
            }
        }
    }
    found
}
