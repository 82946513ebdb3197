//! Tests the transitions for every outcome at every reachable position. The tests use the current saga, and a saga with an
//! additional step.

mod fixtures;

use std::collections::BTreeSet;

use self::fixtures::{
    State, apply_to, forward_at, impossible, order, outcomes_at, plan_with_added_step, plans,
    reachable, refusal, state,
};
use super::*;
use crate::saga::steps::STEPS;

#[test]
fn every_step_is_reached_and_only_a_handed_over_parcel_turns_compensation_into_confirmation() {
    for plan in plans() {
        let states = reachable(&plan);
        let names: BTreeSet<_> = states.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, plan.names().collect(), "{states:?}");
        for state in &states {
            for outcome in outcomes_at(state) {
                let (order, transition) = apply_to(&plan, state, &outcome, true);
                let at = format!("{state:?} {outcome:?}");
                let compensating = state.0 == Direction::Compensating;
                if compensating && order.direction == Direction::Forward {
                    assert_eq!(outcome, impossible(), "{at}");
                    assert_eq!(order.status, Status::Confirmed, "{at}");
                }
                let confirmed = order.status == Status::Confirmed;
                assert!(!confirmed || order.shipment.is_some(), "{at}");
                let cancelled = order.status == Status::Cancelled;
                let undone = matches!(outcome, Outcome::Compensated(UndoOutcome::Done(_)));
                assert_eq!(cancelled, state.1 == "releasing" && undone, "{at}");
                let ended = matches!(transition, Transition::End { .. });
                assert_eq!(ended, confirmed || cancelled, "{at}");
                let released = order.lease.owner.is_empty();
                assert_eq!(released, transition != Transition::Continue, "{at}");
            }
        }
    }
    assert_eq!(reachable(&STEPS).len(), 8);
}

#[test]
fn among_forward_calls_only_a_charge_with_an_unknown_outcome_waits() {
    for plan in plans() {
        for state in reachable(&plan) {
            for outcome in outcomes_at(&state) {
                for first_attempt in [true, false] {
                    let (_, transition) = apply_to(&plan, &state, &outcome, first_attempt);
                    let unknown = matches!(outcome, Outcome::Failed(CallFailure::Unknown { .. }));
                    let not_yet = matches!(outcome, Outcome::Obstructed(Obstacle::NotYet(_)));
                    if not_yet || state == forward_at("charging") && unknown {
                        assert_eq!(transition, Transition::Wait);
                    } else if state.0 == Direction::Forward && state.1 != "charging" {
                        assert_ne!(transition, Transition::Wait, "{state:?} {outcome:?}");
                    }
                }
            }
        }
    }
    let charge = |failure: CallFailure, first_attempt: bool| {
        let outcome = Outcome::Failed(failure);
        let (order, transition) =
            apply_to(&STEPS, &forward_at("charging"), &outcome, first_attempt);
        (order.step.to_string(), transition)
    };
    let not_sent = CallFailure::NotSent(String::new());
    assert_eq!(charge(not_sent.clone(), true).0, "releasing");
    assert_eq!(charge(not_sent, false).1, Transition::Wait);
    let not_reached = CallFailure::NotReached(String::new());
    assert_eq!(charge(not_reached, true).0, "refunding");
}

#[test]
fn a_charge_that_was_sent_and_failed_is_looked_up_before_the_stock_is_released() {
    let charging = forward_at("charging");
    for plan in plans() {
        for outcome in outcomes_at(&charging) {
            let (order, _) = apply_to(&plan, &charging, &outcome, true);
            let not_sent = matches!(outcome, Outcome::Failed(CallFailure::NotSent(_)));
            assert_eq!(order.step == "releasing", not_sent, "{outcome:?}");
        }
    }
}

#[test]
fn an_order_that_may_be_charged_is_refunded_before_its_stock_is_released() {
    for plan in plans() {
        let names: Vec<_> = plan.names().collect();
        let charged = names.iter().position(|name| *name == "refunding").unwrap();
        for state in reachable(&plan) {
            let at = names.iter().position(|name| *name == state.1).unwrap();
            for outcome in outcomes_at(&state) {
                let (order, _) = apply_to(&plan, &state, &outcome, false);
                let skipped = order.step == "releasing" && state.1 != "refunding";
                assert!(!(at >= charged && skipped), "{state:?} {outcome:?}");
            }
        }
    }
}

#[test]
fn an_added_step_runs_and_is_undone_at_its_position_in_the_list() {
    let plan = plan_with_added_step();
    let after = |state: &State, outcome: Outcome| {
        let (order, _) = apply_to(&plan, state, &outcome, true);
        order.step.to_string()
    };
    let done = || Outcome::Done(Receipt::Nothing);
    assert_eq!(after(&forward_at("charging"), done()), "screening");
    assert_eq!(after(&forward_at("screening"), done()), "committing");
    let failed = || Outcome::Failed(CallFailure::NotSent(String::new()));
    for step in ["screening", "committing"] {
        assert_eq!(after(&forward_at(step), failed()), "unscreening");
    }
    assert_eq!(
        after(&forward_at("shipping"), refusal("address_refused")),
        "unscreening"
    );
    let undone = || Outcome::Compensated(UndoOutcome::Done(Receipt::Nothing));
    let compensating = |name: &str| state(Direction::Compensating, name);
    assert_eq!(
        after(&compensating("cancelling_shipment"), undone()),
        "unscreening"
    );
    assert_eq!(after(&compensating("unscreening"), undone()), "refunding");
}

#[test]
fn a_cancellation_begins_with_the_compensation_of_the_latest_step() {
    for (step, compensation) in [
        ("reserving", "releasing"),
        ("extending", "releasing"),
        ("charging", "refunding"),
        ("committing", "refunding"),
        ("shipping", "cancelling_shipment"),
    ] {
        let mut order = order(&forward_at(step));
        let position = STEPS.position(&order).unwrap();
        let reason = Reason::CancelledByCustomer;
        let transition = cancel(&STEPS, &mut order, position, reason, 1);
        assert_eq!(transition, Transition::Continue);
        assert_eq!(order.step, compensation, "{step}");
        assert_eq!(order.direction, Direction::Compensating);
    }
    let mut order = order(&forward_at("shipping"));
    end_confirmed(&mut order, 1);
    let position = STEPS.position(&order).unwrap();
    cancel(&STEPS, &mut order, position, Reason::CancelledByOperator, 2);
    assert_eq!(order.step, "cancelling_shipment");
    let statuses: Vec<_> = order.timeline.iter().map(|entry| entry.status).collect();
    use EntryStatus::{Done, Started};
    assert_eq!(statuses, [Started, Done, Started]);
}

#[test]
fn an_order_at_a_step_of_another_release_has_no_position() {
    assert!(STEPS.position(&order(&forward_at("screening"))).is_none());
    // While an order runs forward, its current step is never a compensation.
    assert!(STEPS.position(&order(&forward_at("refunding"))).is_none());
}
