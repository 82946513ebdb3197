//! Payment behind a network that loses responses, repeats calls and injects declines.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::{Value, json};
use stoa_service::testing::is_postgres;

use crate::net::Fault;
use crate::world::{World, ann, body};

/// Possible outcomes of a call to payment.
const ANSWERS: [Fault; 6] = [
    Fault::None,
    Fault::AnswerLost,
    Fault::CallLost,
    Fault::Declined,
    Fault::AnswerLostThenDeclined,
    Fault::Status(503),
];

/// Number of calls to payment (charge, lookup, refund) that get one of [`ANSWERS`]; all later calls succeed. On PostgreSQL a
/// world is five schemas, so only `make soak` runs the long sequences there and on SQLite.
fn length() -> u32 {
    match (std::env::var_os("STOA_ALL_CRASHES"), is_postgres()) {
        (Some(_), _) => 4,
        (None, false) => 3,
        (None, true) => 1,
    }
}

/// Converts a number into a sequence; the first outcome is the number's last digit.
fn sequence(number: usize) -> Vec<Fault> {
    let mut rest = number;
    (0..length())
        .map(|_| {
            let answer = ANSWERS[rest % ANSWERS.len()];
            rest /= ANSWERS.len();
            answer
        })
        .collect()
}

/// From now on each call to payment gets the next of `answers`.
fn payment_answers(world: &World, answers: Vec<Fault>) {
    let next = AtomicUsize::new(0);
    world.faults(
        move |call, _| match call.url.starts_with("http://payment") {
            true => {
                let number = next.fetch_add(1, Ordering::SeqCst);
                answers.get(number).copied().unwrap_or(Fault::None)
            }
            false => Fault::None,
        },
    );
}

#[test]
fn whatever_payment_seems_to_answer_a_cancelled_order_has_cost_nothing() {
    for number in 0..ANSWERS.len().pow(length()) {
        // Compensation takes the same way from every step, so the shorter sequences are enough for cancelled orders.
        let cancels = [false, true]
            .into_iter()
            .filter(|cancel| !cancel || number < ANSWERS.len().pow(2));
        for cancel in cancels {
            let world = World::new();
            let answers = sequence(number);
            let context = format!("{answers:?}, cancel: {cancel}");
            payment_answers(&world, answers);
            let (status, answer) = world.submit(&body("A", 2));
            assert!(matches!(status, 201 | 402 | 503), "{context}: {answer}");
            if cancel {
                let order_id = answer["order_id"].as_str().unwrap();
                let uri = format!("/order/{order_id}/cancel");
                world.try_call(ann(), Method::POST, &uri, "", &Value::Null);
            }
            world.recover_within(10, &context);
            world.check(2);
        }
    }
}

#[test]
fn a_decline_after_a_lost_answer_is_looked_up_and_refunded() {
    let world = World::new();
    payment_answers(&world, vec![Fault::AnswerLost, Fault::Declined]);
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
    world.check(2);
}

#[test]
fn a_decline_that_hides_a_capture_behind_a_proxys_retry_is_refunded() {
    let world = World::new();
    payment_answers(&world, vec![Fault::AnswerLostThenDeclined]);
    let (status, problem) = world.submit(&body("A", 2));
    assert_eq!(
        (status, &problem["decline_code"]),
        (402, &json!("injected_fault"))
    );
    assert_eq!(
        (world.ledger()["capture"], world.ledger()["refund"]),
        (1, 1)
    );
    world.check(2);
}
