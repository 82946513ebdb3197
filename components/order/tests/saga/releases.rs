//! Tests that two releases can share a database: one release may find an order at a step that only the other release has.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use stoa_service::params;
use uuid::Uuid;

use crate::world::{World, ann, body};

fn set_step(world: &World, order_id: &str, step: &str) {
    let statement = "UPDATE order_orders SET step = $1 WHERE order_id = $2";
    let db = world.order.connect();
    stoa_service::sql::Database::execute(&db, statement, params![step, order_id]).unwrap();
}

/// Creates `count` pending orders, each for a different user, and returns their ids.
fn create_pending_orders(world: &Arc<World>, count: u128) -> Vec<String> {
    world.script("processor", &json!({"mode": "error", "status": 503}));
    let ids = (1..=count).map(|user| {
        let user = Uuid::from_u128(user);
        let answer = world.try_call(user, Method::POST, "/order", "k", &body("A", 1));
        let (status, problem) = answer.unwrap();
        assert_eq!((status, &problem["code"]), (503, &json!("order_pending")));
        problem["order_id"].as_str().unwrap().to_owned()
    });
    let ids = ids.collect();
    world.script("processor", &json!({"mode": "ok"}));
    ids
}

#[test]
fn an_order_at_an_unknown_step_is_reported_and_does_not_block_recovery_of_others() {
    let world = World::new();
    let ids = create_pending_orders(&world, 3);
    set_step(&world, &ids[0], "screening");
    assert_eq!(
        world.recover(),
        json!({"examined": 3, "confirmed": 2, "cancelled": 0, "pending": 1})
    );
    // The order at the unknown step can still be read.
    let (_, page) = world.call(Method::GET, "/internal/orders?status=pending");
    assert_eq!(page["items"][0]["step"], "screening");
    let show = format!("/order/{}", ids[0]);
    let (status, order) = world.call(Method::GET, &show);
    assert_eq!((status, &order["status"]), (200, &json!("pending")));
    // This release neither continues nor compensates the order at the unknown step.
    world.advance_clock(61);
    for uri in ["/order".to_owned(), format!("{show}/cancel")] {
        let answer = world.try_call(ann(), Method::POST, &uri, "k", &body("A", 1));
        let (status, problem) = answer.unwrap();
        assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
        assert_eq!(problem["order_id"], ids[0].as_str());
    }
    // The test puts the order at a known step again. So this release acts as a release that has the order's step, and continues the
    // order.
    set_step(&world, &ids[0], "charging");
    world.recover_all();
    world.check_invariants(1);
}

#[test]
fn more_orders_at_unknown_steps_than_a_pass_resumes_do_not_block_other_orders() {
    let world = World::new();
    world.stock("A", 100);
    let ids = create_pending_orders(&world, 25);
    for id in &ids[..24] {
        set_step(&world, id, "screening");
    }
    let confirmed = || world.recover()["confirmed"].as_u64().unwrap();
    let passes: Vec<u64> = (0..2).map(|_| confirmed()).collect();
    assert_eq!(
        passes,
        [0, 1],
        "the orders of the first pass have new leases, so the second pass skips them"
    );
}

#[test]
fn an_unreadable_order_does_not_block_recovery_of_others() {
    let world = World::new();
    let ids = create_pending_orders(&world, 2);
    let statement = "UPDATE order_orders SET direction = 'sideways' WHERE order_id = $1";
    let db = world.order.connect();
    stoa_service::sql::Database::execute(&db, statement, params![&ids[0]]).unwrap();
    let recovered: Value = world.recover();
    assert_eq!(
        (&recovered["examined"], &recovered["confirmed"]),
        (&json!(1), &json!(1))
    );
}
