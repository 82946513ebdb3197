//! Tests charges over a network that loses responses, repeats calls and injects declines.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::{Value, json};
use stoa_service::testing::is_postgres;

use crate::net::Fault;
use crate::world::{World, ann, body};

/// The faults that a call to `payment` can have in these tests.
const FAULTS: [Fault; 6] = [
    Fault::None,
    Fault::AnswerLost,
    Fault::CallLost,
    Fault::Declined,
    Fault::AnswerLostThenDeclined,
    Fault::Status(503),
];

/// The number of calls to `payment` (charge, lookup or refund) that get one of the faults in [`FAULTS`]. All later calls succeed.
/// In `make soak` the number is 4, with SQLite and with PostgreSQL. Otherwise it is 3 with SQLite and 1 with PostgreSQL, because
/// with PostgreSQL each test shop needs five schemas, which is slow.
fn sequence_length() -> u32 {
    match (std::env::var_os("STOA_ALL_CRASHES"), is_postgres()) {
        (Some(_), _) => 4,
        (None, false) => 3,
        (None, true) => 1,
    }
}

/// Converts `number` into a sequence of faults. In base 6, each digit of `number` stands for one fault, and the last digit stands
/// for the fault of the first call.
fn sequence(number: usize) -> Vec<Fault> {
    let mut rest = number;
    (0..sequence_length())
        .map(|_| {
            let fault = FAULTS[rest % FAULTS.len()];
            rest /= FAULTS.len();
            fault
        })
        .collect()
}

/// Makes each further call to `payment` get the next fault of `faults`.
fn fail_payment_calls(world: &World, faults: Vec<Fault>) {
    let next = AtomicUsize::new(0);
    world.faults(
        move |call, _| match call.url.starts_with("http://payment") {
            true => {
                let number = next.fetch_add(1, Ordering::SeqCst);
                faults.get(number).copied().unwrap_or(Fault::None)
            }
            false => Fault::None,
        },
    );
}

#[test]
fn a_cancelled_order_costs_nothing_for_every_sequence_of_payment_responses() {
    for number in 0..FAULTS.len().pow(sequence_length()) {
        // A compensation behaves the same at whichever step it begins. So sequences of two faults are enough for orders that the
        // customer cancels.
        let cancels = [false, true]
            .into_iter()
            .filter(|cancel| !cancel || number < FAULTS.len().pow(2));
        for cancel in cancels {
            let world = World::new();
            let faults = sequence(number);
            let context = format!("{faults:?}, cancel: {cancel}");
            fail_payment_calls(&world, faults);
            let (status, answer) = world.submit(&body("A", 2));
            assert!(matches!(status, 201 | 402 | 503), "{context}: {answer}");
            if cancel {
                let order_id = answer["order_id"].as_str().unwrap();
                let uri = format!("/order/{order_id}/cancel");
                world.try_call(ann(), Method::POST, &uri, "", &Value::Null);
            }
            world.recover_within(10, &context);
            world.check_invariants(2);
        }
    }
}

#[test]
fn after_a_lost_response_a_declined_charge_is_looked_up_and_refunded() {
    let world = World::new();
    fail_payment_calls(&world, vec![Fault::AnswerLost, Fault::Declined]);
    let (status, problem) = world.submit(&body("A", 2));
    assert_eq!(
        (status, &problem["code"]),
        (503, &json!("order_pending")),
        "{problem}"
    );
    let (status, problem) = world.submit(&body("A", 2));
    assert_eq!(
        (status, &problem["code"]),
        (402, &json!("payment_declined")),
        "{problem}"
    );
    let order = world.orders()[0].clone();
    assert_eq!(
        (&order["status"], &order["payment"]["status"]),
        (&json!("cancelled"), &json!("refunded"))
    );
    assert_eq!(world.ledger()["refund"], 1);
    world.check_invariants(2);
}

#[test]
fn a_capture_hidden_by_the_decline_of_a_proxys_retry_is_refunded() {
    let world = World::new();
    fail_payment_calls(&world, vec![Fault::AnswerLostThenDeclined]);
    let (status, problem) = world.submit(&body("A", 2));
    assert_eq!(
        (status, &problem["decline_code"]),
        (402, &json!("injected_fault"))
    );
    assert_eq!(
        (world.ledger()["capture"], world.ledger()["refund"]),
        (1, 1)
    );
    world.check_invariants(2);
}
