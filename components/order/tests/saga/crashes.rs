//! Tests crashes of the service `order` at every call and at every statement. After each crash, recovery brings the order to the
//! status `confirmed` or `cancelled`.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use stoa_service::testing::is_postgres;

use crate::net::Fault;
use crate::world::{World, ann, body, body_with};

/// A test case: the submitted order, what happens after the submission, and the statuses in which the order may end.
struct CrashCase {
    name: &'static str,
    body: Value,
    cancel: bool,
    picked_up: bool,
    allowed_statuses: &'static [&'static str],
}

/// The distance between two tested crash points. It is larger with PostgreSQL, because each crash needs five databases there, and a
/// test of all crash points takes minutes. If `STOA_ALL_CRASHES` is set, as in `make soak`, every crash point is tested with
/// PostgreSQL too.
fn stride() -> usize {
    match is_postgres() && std::env::var_os("STOA_ALL_CRASHES").is_none() {
        true => 3,
        false => 1,
    }
}

fn crash_cases() -> Vec<CrashCase> {
    let case = |name, body, allowed_statuses| CrashCase {
        name,
        body,
        cancel: false,
        picked_up: false,
        allowed_statuses,
    };
    let lines = json!([{"sku": "A", "quantity": 2}]);
    vec![
        case("valid", body("A", 2), &["confirmed"]),
        case(
            "declined",
            body_with("tok_declined", "AT", lines.clone()),
            &["cancelled"],
        ),
        case("out of stock", body("A", 11), &["cancelled"]),
        case(
            "address refused",
            body_with("tok_visa", "XX", lines),
            &["cancelled"],
        ),
        CrashCase {
            cancel: true,
            ..case(
                "cancelled by the customer",
                body("A", 2),
                &["confirmed", "cancelled"],
            )
        },
        CrashCase {
            cancel: true,
            picked_up: true,
            ..case("cancelled after the pick-up", body("A", 2), &["confirmed"])
        },
    ]
}

/// Runs the test case. Returns false if the service `order` died during the run.
fn run(world: &Arc<World>, case: &CrashCase) -> bool {
    let Some((_, answer)) = world.try_call(ann(), Method::POST, "/order", "k", &case.body) else {
        return false;
    };
    if case.picked_up {
        world.pick_up();
    }
    if !case.cancel {
        return true;
    }
    let uri = format!("/order/{}/cancel", answer["order_id"].as_str().unwrap());
    world
        .try_call(ann(), Method::POST, &uri, "", &Value::Null)
        .is_some()
}

/// Checks that recovery skips the order while its lease has not expired, and completes it afterwards. Then repeats the customer's
/// request, because the customer got no response.
fn assert_recovered(world: &Arc<World>, case: &CrashCase, at: &str) {
    world.remove_faults();
    assert_eq!(
        world.recover()["examined"],
        0,
        "{at}: the order's lease has not expired, so recovery must skip the order"
    );
    world.recover_all();
    world.check_invariants(2);
    world.expire_claims();
    let (status, answer) = world
        .try_call(ann(), Method::POST, "/order", "k", &case.body)
        .unwrap();
    assert!(
        matches!(status, 201 | 402 | 409 | 422),
        "{at}: {status} {answer}"
    );
    let orders = world.orders();
    assert_eq!(orders.as_array().unwrap().len(), 1, "{at}: {orders}");
    let end = orders[0]["status"].as_str().unwrap();
    assert!(case.allowed_statuses.contains(&end), "{at}: {orders}");
    world.check_invariants(2);
}

#[test]
fn recovery_completes_an_order_after_a_crash_around_any_call() {
    for case in crash_cases() {
        let mut crashes = 0;
        for n in (0..).step_by(stride()) {
            let mut died = false;
            for fault in [Fault::CrashBefore, Fault::CrashAfter] {
                let world = World::new();
                world.faults(move |_, call| if call == n { fault } else { Fault::None });
                if run(&world, &case) {
                    continue;
                }
                died = true;
                crashes += 1;
                assert_recovered(&world, &case, &format!("{}, {fault:?} call {n}", case.name));
            }
            if !died {
                break;
            }
        }
        assert!(crashes * stride() >= 8, "{}: {crashes}", case.name);
    }
}

#[test]
fn recovery_completes_an_order_after_a_crash_before_any_statement() {
    let mut crash_cases = crash_cases().into_iter();
    std::thread::scope(|scope| {
        for case in crash_cases.by_ref() {
            scope.spawn(move || {
                let mut crashes = 0;
                for n in (0..).step_by(stride()) {
                    let world = World::new();
                    world.die_before_statement(n);
                    run(&world, &case);
                    if !world.has_died() {
                        break;
                    }
                    crashes += 1;
                    assert_recovered(&world, &case, &format!("{}, statement {n}", case.name));
                }
                assert!(crashes * stride() >= 25, "{}: {crashes}", case.name);
            });
        }
    });
}

#[test]
fn recovery_completes_an_order_after_a_second_crash_during_recovery() {
    for first in (1..8).step_by(stride()) {
        for second in 0..8 {
            let world = World::new();
            world.faults(move |_, call| {
                if call == first {
                    Fault::CrashAfter
                } else {
                    Fault::None
                }
            });
            let case = &crash_cases()[3];
            if run(&world, case) {
                break;
            }
            world.advance_clock(61);
            world.faults(move |_, call| {
                if call == second {
                    Fault::CrashAfter
                } else {
                    Fault::None
                }
            });
            if world
                .try_call(
                    ann(),
                    Method::POST,
                    "/internal/orders/recover",
                    "",
                    &Value::Null,
                )
                .is_some()
            {
                world.remove_faults();
                world.recover_all();
                world.check_invariants(2);
                break;
            }
            assert_recovered(&world, case, &format!("calls {first}, then {second}"));
        }
    }
}

#[test]
fn an_order_ends_after_a_lost_response_at_any_call() {
    for case in crash_cases() {
        let mut faults = 0;
        for n in (1..).step_by(stride()) {
            let mut reached = false;
            for fault in [Fault::AnswerLost, Fault::CallLost, Fault::Status(504)] {
                let world = World::new();
                world.faults(move |_, call| if call == n { fault } else { Fault::None });
                run(&world, &case);
                reached |= world.calls().len() > n;
                faults += usize::from(reached);
                world.remove_faults();
                world.recover_all();
                world.check_invariants(2);
            }
            if !reached {
                break;
            }
        }
        assert!(faults * stride() >= 6, "{}: {faults}", case.name);
    }
}
