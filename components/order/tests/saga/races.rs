//! Tests concurrent requests: repeats with one idempotency key, and recovery while orders have a driver.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::net::Fault;
use crate::world::{World, ann, body};

#[test]
fn twenty_submits_with_one_key_are_one_order_one_charge_and_twenty_equal_answers() {
    let world = World::new();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| world.submit(&body("A", 2))))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(answers[0].0, 201, "{}", answers[0].1);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(world.ledger()["capture"], 1);
    assert_eq!(world.orders().as_array().unwrap().len(), 1);
    world.check_invariants(2);
}

#[test]
fn concurrent_orders_of_a_cart_with_one_key_make_one_order_and_get_equal_answers() {
    let mut from_cart = body("A", 1);
    from_cart.as_object_mut().unwrap().remove("items");
    for _ in 0..10 {
        let world = World::new();
        world.put_into_cart(ann(), "A", 2);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let submit = || world.submit(&from_cart);
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(submit)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(answers[0].0, 201, "{}", answers[0].1);
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(world.orders().as_array().unwrap().len(), 1);
        world.check_invariants(2);
    }
}

#[test]
fn the_same_key_of_two_users_makes_two_orders() {
    let world = World::new();
    let (one, two) = std::thread::scope(|scope| {
        let bob = scope.spawn(|| {
            world
                .try_call(
                    Uuid::from_u128(2),
                    Method::POST,
                    "/order",
                    "k",
                    &body("A", 1),
                )
                .unwrap()
        });
        (world.submit(&body("A", 1)), bob.join().unwrap())
    });
    assert_eq!((one.0, two.0), (201, 201));
    assert_ne!(one.1["order_id"], two.1["order_id"]);
    assert_eq!(world.ledger()["capture"], 2);
    world.check_invariants(1);
}

#[test]
fn more_buyers_than_stock_leave_no_reservation_and_no_charge_without_an_order() {
    let world = World::new();
    std::thread::scope(|scope| {
        for user in 1..=8 {
            let world = &world;
            scope.spawn(move || {
                let order = body("A", 3);
                world
                    .try_call(Uuid::from_u128(user), Method::POST, "/order", "k", &order)
                    .unwrap()
            });
        }
    });
    world.check_invariants(3);
    assert_eq!(world.stock_of("A"), (1, 0));
}

/// A gate that holds calls until the test opens the gate.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    fn wait(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

#[test]
fn recovery_does_not_touch_slow_orders_that_hold_their_lease() {
    for slow in [
        "/reservations",
        "/extend",
        "/payments",
        "/commit",
        "/shipments",
    ] {
        let (world, gate) = (World::new(), Arc::new(Gate::default()));
        let at_gate = gate.clone();
        world.faults(move |call, _| {
            if call.method == Method::POST && call.url.ends_with(slow) {
                at_gate.wait();
            }
            Fault::None
        });
        let looping = AtomicBool::new(true);
        std::thread::scope(|scope| {
            let buyers: Vec<_> = (1..=4)
                .map(|user| {
                    let world = &world;
                    scope.spawn(move || {
                        let order = body("A", 2);
                        world
                            .try_call(Uuid::from_u128(user), Method::POST, "/order", "k", &order)
                            .unwrap()
                    })
                })
                .collect();
            let passes: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut passes = 0;
                        while looping.load(Ordering::SeqCst) || passes == 0 {
                            assert_eq!(world.recover()["examined"], 0);
                            passes += 1;
                        }
                    })
                })
                .collect();
            while gate.waiting.load(Ordering::SeqCst) < 4 {
                std::thread::yield_now();
            }
            // The four orders all wait in a call, and their leases will expire soon.
            world.advance_clock(50);
            for _ in 0..10 {
                assert_eq!(world.recover()["examined"], 0, "{slow}");
            }
            gate.open();
            for buyer in buyers {
                assert_eq!(buyer.join().unwrap().0, 201, "{slow}");
            }
            looping.store(false, Ordering::SeqCst);
            for pass in passes {
                pass.join().unwrap();
            }
        });
        world.check_invariants(2);
        assert_eq!(world.ledger()["capture"], 4);
    }
}

#[test]
fn after_its_lease_expires_an_order_is_taken_over_and_its_late_driver_changes_nothing() {
    for slow in ["/reservations", "/payments", "/commit", "/shipments"] {
        let (world, gate) = (World::new(), Arc::new(Gate::default()));
        let (at_gate, first) = (gate.clone(), AtomicBool::new(true));
        world.faults(move |call, _| {
            let there = call.method == Method::POST && call.url.ends_with(slow);
            if there && first.swap(false, Ordering::SeqCst) {
                at_gate.wait();
            }
            Fault::None
        });
        std::thread::scope(|scope| {
            let live = scope.spawn(|| world.submit(&body("A", 2)));
            while gate.waiting.load(Ordering::SeqCst) < 1 {
                std::thread::yield_now();
            }
            world.advance_clock(61);
            assert_eq!(world.recover()["confirmed"], 1, "{slow}");
            let before = world.orders();
            gate.open();
            let (status, problem) = live.join().unwrap();
            assert_eq!(
                (status, problem["code"].as_str()),
                (503, Some("order_in_progress")),
                "{slow}"
            );
            assert_eq!(world.orders(), before);
        });
        assert_eq!(
            world.submit(&body("A", 2)).0,
            201,
            "if the request that lost its lease is repeated, its response must be the order's outcome"
        );
        world.check_invariants(2);
    }
}

#[test]
fn concurrent_recovery_passes_share_the_orders_and_resume_none_twice() {
    let world = World::new();
    world.script("processor", &json!({"mode": "error", "status": 503}));
    for user in 1..=5 {
        let answer = world.try_call(
            Uuid::from_u128(user),
            Method::POST,
            "/order",
            "k",
            &body("A", 1),
        );
        assert_eq!(answer.unwrap().0, 503);
    }
    world.script("processor", &json!({"mode": "ok"}));
    let recovered: Vec<Value> = std::thread::scope(|scope| {
        let passes: Vec<_> = (0..4).map(|_| scope.spawn(|| world.recover())).collect();
        passes.into_iter().map(|p| p.join().unwrap()).collect()
    });
    let sum = |name: &str| {
        recovered
            .iter()
            .map(|r| r[name].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((sum("examined"), sum("confirmed")), (5, 5), "{recovered:?}");
    assert_eq!(world.ledger()["capture"], 5);
    world.check_invariants(1);
    assert_eq!(
        world.recover(),
        json!({"examined": 0, "confirmed": 0, "cancelled": 0, "pending": 0})
    );
}
