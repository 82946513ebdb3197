//! Tests how an order ends, and which response the customer gets.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::net::Fault;
use crate::world::{World, ann, body, body_with, declined};

fn steps(order: &Value) -> Vec<(&str, &str)> {
    let timeline = order["timeline"].as_array().unwrap();
    timeline
        .iter()
        .map(|e| (e["step"].as_str().unwrap(), e["status"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_valid_order_is_confirmed_charged_once_shipped_and_announced() {
    let world = World::new();
    let (status, order) = world.submit(&body("A", 2));
    assert_eq!(status, 201, "{order}");
    assert_eq!(order["status"], "confirmed");
    assert_eq!(order["total"], json!({"amount": 3998, "currency": "EUR"}));
    assert_eq!(
        order["items"],
        json!([{"sku": "A", "name": "the A", "quantity": 2,
            "unit_price": {"amount": 1999, "currency": "EUR"}, "line_total": {"amount": 3998, "currency": "EUR"}}])
    );
    assert_eq!(order["payment"]["status"], "captured");
    assert_eq!(order["payment"]["method"], "card");
    assert!(order["shipment"]["tracking_number"].is_string());
    let done = [
        "reserving",
        "extending",
        "charging",
        "committing",
        "shipping",
        "confirmed",
    ];
    assert_eq!(steps(&order), done.map(|step| (step, "done")));
    assert_eq!(world.stock_of("A"), (8, 0));
    assert_eq!(world.events(), ["stoa.order.confirmed"]);
    let event = world.event();
    assert_eq!(
        (&event["source"], &event["data"]["email"]),
        (&json!("/stoa/order"), &json!("ann@example.com"))
    );
    assert_eq!(
        event["data"]["tracking_number"],
        order["shipment"]["tracking_number"]
    );
    world.check_invariants(2);
    let id = order["order_id"].as_str().unwrap();
    assert_eq!(
        world.call(Method::GET, &format!("/order/{id}")),
        (200, order)
    );
}

#[test]
fn a_rejection_by_a_service_cancels_the_order_and_is_stored_for_its_key() {
    for (body, status, code) in [
        (declined(), 402, "payment_declined"),
        (body("A", 11), 409, "insufficient_stock"),
        (body("B", 1), 409, "insufficient_stock"),
        (
            body_with("tok_visa", "XX", json!([{"sku": "A", "quantity": 2}])),
            422,
            "address_refused",
        ),
        (
            body_with("no_token", "AT", json!([{"sku": "A", "quantity": 2}])),
            422,
            "payment_refused",
        ),
    ] {
        let world = World::new();
        let first = world.submit(&body);
        assert_eq!(
            (first.0, first.1["code"].as_str()),
            (status, Some(code)),
            "{}",
            first.1
        );
        assert_eq!(world.submit(&body), first);
        assert_eq!(world.events(), ["stoa.order.cancelled"]);
        assert_eq!(world.event()["data"]["reason"], code);
        world.check_invariants(2);
        // The order itself stores the reason. So the reason can still be read after the claim on the idempotency key has expired.
        world.expire_claims();
        assert_eq!(world.orders().as_array().unwrap().len(), 1);
        let id = first.1["order_id"].as_str().unwrap();
        let (_, order) = world.call(Method::GET, &format!("/order/{id}"));
        assert_eq!(
            (&order["status"], &order["reason"]),
            (&json!("cancelled"), &json!(code))
        );
    }
    let world = World::new();
    assert_eq!(
        world.submit(&declined()).1["decline_code"],
        "insufficient_funds"
    );
}

#[test]
fn a_service_that_is_down_cancels_the_order_and_frees_its_key() {
    for (peer, fault) in [
        ("/reservations", Fault::NotSent),
        ("/reservations", Fault::Status(503)),
        ("/extend", Fault::NotSent),
        ("/payments", Fault::NotSent),
        ("/commit", Fault::NotSent),
        ("/commit", Fault::Status(503)),
        ("/shipments", Fault::NotSent),
        ("/shipments", Fault::Status(503)),
    ] {
        let world = World::new();
        // In each case, the call of one step fails, and the calls of the compensations succeed.
        world.faults(move |call, _| match call.method {
            Method::POST if call.url.ends_with(peer) => fault,
            _ => Fault::None,
        });
        let (status, problem) = world.submit(&body("A", 2));
        assert_eq!(
            (status, problem["code"].as_str()),
            (503, Some("unavailable")),
            "{peer}: {problem}"
        );
        world.check_invariants(2);
        assert_eq!(world.orders()[0]["status"], "cancelled", "{peer}");
        world.remove_faults();
        let (status, order) = world.submit(&body("A", 2));
        assert_eq!(status, 201, "{peer}: {order}");
        world.check_invariants(2);
        assert_eq!(world.orders().as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_service_that_is_down_before_the_order_is_written_leaves_no_order() {
    let world = World::new();
    world.faults(|call, _| {
        if call.url.contains("product") {
            Fault::Status(500)
        } else {
            Fault::None
        }
    });
    assert_eq!(world.submit(&body("A", 1)).0, 503);
    assert_eq!(world.orders(), json!([]));
    world.remove_faults();
    assert_eq!(world.submit(&body("A", 1)).0, 201);
}

#[test]
fn a_charge_whose_response_is_lost_stays_pending_and_the_same_key_resumes_the_same_order() {
    for (fault, captured) in [
        (Fault::AnswerLost, 1),
        (Fault::CallLost, 0),
        (Fault::Status(503), 0),
    ] {
        let world = World::new();
        world.faults(move |call, _| match call.method {
            Method::POST if call.url.ends_with("/payments") => fault,
            _ => Fault::None,
        });
        let (status, problem) = world.submit(&body("A", 2));
        assert_eq!(
            (status, problem["code"].as_str()),
            (503, Some("order_pending"))
        );
        let ledger = world.ledger();
        assert_eq!(ledger.get("capture").copied().unwrap_or(0), captured);
        assert_eq!(
            world.stock_of("A"),
            (10, 2),
            "an order with an unknown charge must not be compensated"
        );
        world.remove_faults();
        let (status, order) = world.submit(&body("A", 2));
        assert_eq!(
            (status, &order["order_id"]),
            (201, &problem["order_id"]),
            "{order}"
        );
        world.check_invariants(2);
    }
}

#[test]
fn while_the_processor_fails_an_order_stays_pending_until_it_is_too_old() {
    let world = World::new();
    world.script("processor", &json!({"mode": "error", "status": 503}));
    let (status, problem) = world.submit(&body("A", 2));
    assert_eq!(
        (status, problem["code"].as_str()),
        (503, Some("order_pending"))
    );
    assert_eq!(world.recover()["pending"], 1);
    world.script("processor", &json!({"mode": "ok"}));
    assert_eq!(world.recover()["confirmed"], 1);
    world.check_invariants(2);

    let world = World::new();
    world.script("processor", &json!({"mode": "error", "status": 500}));
    world.submit(&body("A", 2));
    world.advance_clock(901);
    assert_eq!(
        world.recover()["pending"],
        1,
        "the order stays pending, because the failing processor also rejects the void"
    );
    world.script("processor", &json!({"mode": "ok"}));
    assert_eq!(world.recover()["cancelled"], 1);
    assert_eq!(world.ledger().keys().collect::<Vec<_>>(), ["void"]);
    world.check_invariants(2);
}

#[test]
fn after_a_lost_response_of_the_processor_the_charge_is_looked_up_and_not_repeated() {
    let world = World::new();
    world.script(
        "processor",
        &json!({"mode": "lost_response", "status": 504, "remaining": 1}),
    );
    assert_eq!(world.submit(&body("A", 2)).0, 503);
    assert_eq!(world.submit(&body("A", 2)).0, 201);
    assert_eq!(world.ledger()["capture"], 1);
    world.check_invariants(2);
}

#[test]
fn a_pending_charge_whose_reservation_is_gone_is_refunded_or_voided() {
    for fault in [Fault::AnswerLost, Fault::CallLost] {
        let world = World::new();
        world.faults(move |call, _| match call.method {
            Method::POST if call.url.ends_with("/payments") => fault,
            _ => Fault::None,
        });
        assert_eq!(world.submit(&body("A", 2)).0, 503);
        world.remove_faults();
        world.expire_reservations();
        // Another customer orders the released stock before recovery runs.
        let other = body("A", 9);
        world
            .try_call(
                uuid::Uuid::from_u128(2),
                Method::POST,
                "/order",
                "k",
                &other,
            )
            .unwrap();
        if fault == Fault::CallLost {
            assert_eq!(
                world.recover()["pending"],
                1,
                "the order stays pending, because the lost charge may still arrive"
            );
        }
        world.recover_all();
        let orders = world.orders();
        assert_eq!(
            (&orders[0]["status"], &orders[1]["status"]),
            (&json!("confirmed"), &json!("cancelled"))
        );
        assert_eq!(orders[1]["reason"], "insufficient_stock");
        world.check_invariants(9);
    }
}

#[test]
fn an_order_whose_stock_is_gone_at_the_commit_is_refunded() {
    let world = World::new();
    let inner = Arc::downgrade(&world);
    world.faults(move |call, _| {
        if call.url.ends_with("/commit") {
            // The reservation expires just before the commit, and no stock is left.
            let world = inner.upgrade().unwrap();
            world.expire_reservations();
            world.remove_stock("A");
        }
        Fault::None
    });
    let (status, problem) = world.submit(&body("A", 2));
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("insufficient_stock"))
    );
    assert_eq!(world.ledger()["refund"], 1);
    world.stock("A", 10);
    world.check_invariants(2);
}

#[test]
fn an_order_from_the_cart_empties_the_cart_only_when_it_is_confirmed() {
    let world = World::new();
    world.put_into_cart(ann(), "A", 2);
    let mut from_cart = body("A", 1);
    from_cart.as_object_mut().unwrap().remove("items");
    let mut bad = from_cart.clone();
    bad["payment"]["card_token"] = json!("tok_declined");
    assert_eq!(world.submit(&bad).0, 402);
    assert_eq!(world.cart_line_count(ann()), 1);
    let (status, order) = world
        .try_call(ann(), Method::POST, "/order", "k2", &from_cart)
        .unwrap();
    assert_eq!((status, &order["items"][0]["quantity"]), (201, &json!(2)));
    assert_eq!(world.cart_line_count(ann()), 0);
    let (status, problem) = world
        .try_call(ann(), Method::POST, "/order", "k3", &from_cart)
        .unwrap();
    assert_eq!(
        (status, problem["code"].as_str()),
        (422, Some("empty_cart"))
    );
    world.check_invariants(2);
}
