//! Order dies at every call and at every statement. A recovery pass brings the order to one of its two ends.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use stoa_service::testing::is_postgres;

use crate::net::Fault;
use crate::world::{World, ann, body, body_with};

/// The submitted order, and the request after it: a cancellation, or none.
struct Story {
    name: &'static str,
    body: Value,
    cancel: bool,
    carrier_was_there: bool,
    ends: &'static [&'static str],
}

/// On PostgreSQL a world is five databases, and all crashes take minutes. There every third crash is tested, unless
/// STOA_ALL_CRASHES is set, as `make soak` does.
fn stride() -> usize {
    match is_postgres() && std::env::var_os("STOA_ALL_CRASHES").is_none() {
        true => 3,
        false => 1,
    }
}

fn stories() -> Vec<Story> {
    let story = |name, body, ends| Story {
        name,
        body,
        cancel: false,
        carrier_was_there: false,
        ends,
    };
    let lines = json!([{"sku": "A", "quantity": 2}]);
    vec![
        story("good", body("A", 2), &["confirmed"]),
        story(
            "declined",
            body_with("tok_declined", "AT", lines.clone()),
            &["cancelled"],
        ),
        story("out of stock", body("A", 11), &["cancelled"]),
        story(
            "address refused",
            body_with("tok_visa", "XX", lines),
            &["cancelled"],
        ),
        Story {
            cancel: true,
            ..story("called off", body("A", 2), &["confirmed", "cancelled"])
        },
        Story {
            cancel: true,
            carrier_was_there: true,
            ..story("called off too late", body("A", 2), &["confirmed"])
        },
    ]
}

/// Plays the story; returns false if order died.
fn play(world: &Arc<World>, story: &Story) -> bool {
    let Some((_, answer)) = world.try_call(ann(), Method::POST, "/order", "k", &story.body) else {
        return false;
    };
    if story.carrier_was_there {
        world.pick_up();
    }
    if !story.cancel {
        return true;
    }
    let uri = format!("/order/{}/cancel", answer["order_id"].as_str().unwrap());
    world
        .try_call(ann(), Method::POST, &uri, "", &Value::Null)
        .is_some()
}

/// Recovery runs after the lease expires. Then the customer, who got no response, retries.
fn comes_to_an_end(world: &Arc<World>, story: &Story, at: &str) {
    world.calm();
    assert_eq!(
        world.recover()["examined"],
        0,
        "{at}: the lease still stands"
    );
    world.recover_all();
    world.check(2);
    world.expire_claims();
    let (status, answer) = world
        .try_call(ann(), Method::POST, "/order", "k", &story.body)
        .unwrap();
    assert!(
        matches!(status, 201 | 402 | 409 | 422),
        "{at}: {status} {answer}"
    );
    let orders = world.orders();
    assert_eq!(orders.as_array().unwrap().len(), 1, "{at}: {orders}");
    let end = orders[0]["status"].as_str().unwrap();
    assert!(story.ends.contains(&end), "{at}: {orders}");
    world.check(2);
}

#[test]
fn a_crash_around_any_call_is_recovered_from() {
    for story in stories() {
        let mut crashes = 0;
        for n in (0..).step_by(stride()) {
            let mut died = false;
            for fault in [Fault::CrashBefore, Fault::CrashAfter] {
                let world = World::new();
                world.faults(move |_, call| if call == n { fault } else { Fault::None });
                if play(&world, &story) {
                    continue;
                }
                died = true;
                crashes += 1;
                comes_to_an_end(
                    &world,
                    &story,
                    &format!("{}, {fault:?} call {n}", story.name),
                );
            }
            if !died {
                break;
            }
        }
        assert!(crashes * stride() >= 8, "{}: {crashes}", story.name);
    }
}

#[test]
fn a_crash_before_any_statement_is_recovered_from() {
    let mut stories = stories().into_iter();
    std::thread::scope(|scope| {
        for story in stories.by_ref() {
            scope.spawn(move || {
                let mut crashes = 0;
                for n in (0..).step_by(stride()) {
                    let world = World::new();
                    world.die_before_statement(n);
                    play(&world, &story);
                    if !world.has_died() {
                        break;
                    }
                    crashes += 1;
                    comes_to_an_end(&world, &story, &format!("{}, statement {n}", story.name));
                }
                assert!(crashes * stride() >= 25, "{}: {crashes}", story.name);
            });
        }
    });
}

#[test]
fn a_second_crash_during_recovery_is_recovered_from_too() {
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
            let story = &stories()[3];
            if play(&world, story) {
                break;
            }
            world.later(61);
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
                world.calm();
                world.recover_all();
                world.check(2);
                break;
            }
            comes_to_an_end(&world, story, &format!("calls {first}, then {second}"));
        }
    }
}

#[test]
fn a_lost_answer_at_any_call_comes_to_an_end() {
    for story in stories() {
        let mut faults = 0;
        for n in (1..).step_by(stride()) {
            let mut reached = false;
            for fault in [Fault::AnswerLost, Fault::CallLost, Fault::Status(504)] {
                let world = World::new();
                world.faults(move |_, call| if call == n { fault } else { Fault::None });
                play(&world, &story);
                reached |= world.calls().len() > n;
                faults += usize::from(reached);
                world.calm();
                world.recover_all();
                world.check(2);
            }
            if !reached {
                break;
            }
        }
        assert!(faults * stride() >= 6, "{}: {faults}", story.name);
    }
}
