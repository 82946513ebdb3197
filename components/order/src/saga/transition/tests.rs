//! Every outcome at every reachable position, for every response of the other services: in the current saga, and in one with a
//! further step.

mod fixtures;

use std::collections::BTreeSet;

use self::fixtures::{
    State, apply_to, forward_at, impossible, longer, order, outcomes_at, plans, reachable, refusal,
    state,
};
use super::*;
use crate::saga::steps::STEPS;

#[test]
fn every_step_is_reached_and_from_compensating_only_a_handed_over_parcel_leads_forward() {
    for plan in plans() {
        let states = reachable(&plan);
        let words: BTreeSet<_> = states.iter().map(|(_, word)| word.as_str()).collect();
        assert_eq!(words, plan.words().collect(), "{states:?}");
        for state in &states {
            for outcome in outcomes_at(state) {
                let (order, transition) = apply_to(&plan, state, &outcome, true);
                let at = format!("{state:?} {outcome:?}");
                let back = state.0 == Direction::Compensating;
                if back && order.direction == Direction::Forward {
                    assert_eq!(outcome, impossible(), "{at}");
                    assert_eq!(order.status, Status::Confirmed, "{at}");
                }
                let confirmed = order.status == Status::Confirmed;
                assert!(!confirmed || order.shipment.is_some(), "{at}");
                let cancelled = order.status == Status::Cancelled;
                let undone = matches!(outcome, Outcome::Compensated(Undone::Done(_)));
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
fn an_unknown_charge_always_waits_and_no_other_call_going_forward_does() {
    for plan in plans() {
        for state in reachable(&plan) {
            for outcome in outcomes_at(&state) {
                for fresh in [true, false] {
                    let (_, transition) = apply_to(&plan, &state, &outcome, fresh);
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
    let charge = |failure: CallFailure, fresh: bool| {
        let outcome = Outcome::Failed(failure);
        let (order, transition) = apply_to(&STEPS, &forward_at("charging"), &outcome, fresh);
        (order.step.to_string(), transition)
    };
    let not_done = CallFailure::NotDone(String::new());
    assert_eq!(charge(not_done.clone(), true).0, "releasing");
    assert_eq!(charge(not_done, false).1, Transition::Wait);
    let turned_away = CallFailure::TurnedAway(String::new());
    assert_eq!(charge(turned_away, true).0, "refunding");
}

#[test]
fn every_answer_to_a_charge_but_success_leads_to_a_lookup_before_the_stock_is_released() {
    let charging = forward_at("charging");
    for plan in plans() {
        for outcome in outcomes_at(&charging) {
            let (order, _) = apply_to(&plan, &charging, &outcome, true);
            let never_left = matches!(outcome, Outcome::Failed(CallFailure::NotDone(_)));
            assert_eq!(order.step == "releasing", never_left, "{outcome:?}");
        }
    }
}

#[test]
fn what_may_have_been_charged_is_never_released_before_it_is_refunded() {
    for plan in plans() {
        let words: Vec<_> = plan.words().collect();
        let charged = words.iter().position(|word| *word == "refunding").unwrap();
        for state in reachable(&plan) {
            let at = words.iter().position(|word| *word == state.1).unwrap();
            for outcome in outcomes_at(&state) {
                let (order, _) = apply_to(&plan, &state, &outcome, false);
                let skipped = order.step == "releasing" && state.1 != "refunding";
                assert!(!(at >= charged && skipped), "{state:?} {outcome:?}");
            }
        }
    }
}

#[test]
fn a_further_step_runs_in_its_place_and_is_undone_in_its_place() {
    let plan = longer();
    let after = |state: &State, outcome: Outcome| {
        let (order, _) = apply_to(&plan, state, &outcome, true);
        order.step.to_string()
    };
    let done = || Outcome::Done(Receipt::Nothing);
    assert_eq!(after(&forward_at("charging"), done()), "screening");
    assert_eq!(after(&forward_at("screening"), done()), "committing");
    let failed = || Outcome::Failed(CallFailure::NotDone(String::new()));
    for step in ["screening", "committing"] {
        assert_eq!(after(&forward_at(step), failed()), "unscreening");
    }
    assert_eq!(
        after(&forward_at("shipping"), refusal("address_refused")),
        "unscreening"
    );
    let undone = || Outcome::Compensated(Undone::Done(Receipt::Nothing));
    let back = |word: &str| state(Direction::Compensating, word);
    assert_eq!(after(&back("cancelling_shipment"), undone()), "unscreening");
    assert_eq!(after(&back("unscreening"), undone()), "refunding");
}

#[test]
fn a_cancellation_begins_at_the_last_compensation_from_where_the_order_stands() {
    for (step, compensation) in [
        ("reserving", "releasing"),
        ("extending", "releasing"),
        ("charging", "refunding"),
        ("committing", "refunding"),
        ("shipping", "cancelling_shipment"),
    ] {
        let mut order = order(&forward_at(step));
        let position = STEPS.position(&order).unwrap();
        let by = Reason::CancelledByCustomer;
        let transition = cancel(&STEPS, &mut order, position, by, 1);
        assert_eq!(transition, Transition::Continue);
        assert_eq!(order.step, compensation, "{step}");
        assert_eq!(order.direction, Direction::Compensating);
    }
    let mut order = order(&forward_at("shipping"));
    confirm(&mut order, 1);
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
    // A compensation's word is not the word of a step.
    assert!(STEPS.position(&order(&forward_at("refunding"))).is_none());
}
