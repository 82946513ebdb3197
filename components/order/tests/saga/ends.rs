//! How an order ends, and what the customer gets.

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
fn a_good_order_is_confirmed_charged_once_shipped_and_told_of() {
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
    world.check(2);
    let id = order["order_id"].as_str().unwrap();
    assert_eq!(
        world.call(Method::GET, &format!("/order/{id}")),
        (200, order)
    );
}

#[test]
fn each_no_cancels_the_order_and_is_remembered_for_its_key() {
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
        world.check(2);
        // A request whose claim was lost gets the same response from order's own log.
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
fn a_dependency_that_is_down_cancels_the_order_and_gives_the_key_free() {
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
        // The step itself fails; the compensating calls get through.
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
        world.check(2);
        assert_eq!(world.orders()[0]["status"], "cancelled", "{peer}");
        world.calm();
        let (status, order) = world.submit(&body("A", 2));
        assert_eq!(status, 201, "{peer}: {order}");
        world.check(2);
        assert_eq!(world.orders().as_array().unwrap().len(), 2);
    }
}

#[test]
fn before_anything_is_written_a_dependency_that_is_down_leaves_no_trace() {
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
    world.calm();
    assert_eq!(world.submit(&body("A", 1)).0, 201);
}

#[test]
fn a_charge_whose_answer_is_lost_stays_pending_and_the_same_key_goes_on_with_the_same_order() {
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
            "never compensated while unknown"
        );
        world.calm();
        let (status, order) = world.submit(&body("A", 2));
        assert_eq!(
            (status, &order["order_id"]),
            (201, &problem["order_id"]),
            "{order}"
        );
        world.check(2);
    }
}

#[test]
fn a_processor_that_fails_leaves_the_order_pending_until_it_answers_or_time_is_up() {
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
    world.check(2);

    let world = World::new();
    world.script("processor", &json!({"mode": "error", "status": 500}));
    world.submit(&body("A", 2));
    world.later(901);
    assert_eq!(
        world.recover()["pending"],
        1,
        "the processor does not void either"
    );
    world.script("processor", &json!({"mode": "ok"}));
    assert_eq!(world.recover()["cancelled"], 1);
    assert_eq!(world.ledger().keys().collect::<Vec<_>>(), ["void"]);
    world.check(2);
}

#[test]
fn a_lost_answer_of_the_processor_is_looked_up_not_charged_again() {
    let world = World::new();
    world.script(
        "processor",
        &json!({"mode": "lost_response", "status": 504, "remaining": 1}),
    );
    assert_eq!(world.submit(&body("A", 2)).0, 503);
    assert_eq!(world.submit(&body("A", 2)).0, 201);
    assert_eq!(world.ledger()["capture"], 1);
    world.check(2);
}

#[test]
fn a_pending_charge_whose_reservation_is_gone_is_given_back() {
    for fault in [Fault::AnswerLost, Fault::CallLost] {
        let world = World::new();
        world.faults(move |call, _| match call.method {
            Method::POST if call.url.ends_with("/payments") => fault,
            _ => Fault::None,
        });
        assert_eq!(world.submit(&body("A", 2)).0, 503);
        world.calm();
        world.expire_reservations();
        // Another customer takes all of it before recovery runs.
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
                "the lost call may still arrive"
            );
        }
        world.recover_all();
        let orders = world.orders();
        assert_eq!(
            (&orders[0]["status"], &orders[1]["status"]),
            (&json!("confirmed"), &json!("cancelled"))
        );
        assert_eq!(orders[1]["reason"], "insufficient_stock");
        world.check(9);
    }
}

#[test]
fn stock_that_is_gone_at_the_commit_is_refunded() {
    let world = World::new();
    let inner = Arc::downgrade(&world);
    world.faults(move |call, _| {
        if call.url.ends_with("/commit") {
            // The reservation expired just now, and the shelf is empty.
            let world = inner.upgrade().unwrap();
            world.expire_reservations();
            world.empty_shelf("A");
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
    world.check(2);
}

#[test]
fn an_order_from_the_cart_empties_it_and_only_when_it_is_confirmed() {
    let world = World::new();
    world.put_into_cart(ann(), "A", 2);
    let mut from_cart = body("A", 1);
    from_cart.as_object_mut().unwrap().remove("items");
    let mut bad = from_cart.clone();
    bad["payment"]["card_token"] = json!("tok_declined");
    assert_eq!(world.submit(&bad).0, 402);
    assert_eq!(world.cart_of(ann()), 1);
    let (status, order) = world
        .try_call(ann(), Method::POST, "/order", "k2", &from_cart)
        .unwrap();
    assert_eq!((status, &order["items"][0]["quantity"]), (201, &json!(2)));
    assert_eq!(world.cart_of(ann()), 0);
    let (status, problem) = world
        .try_call(ann(), Method::POST, "/order", "k3", &from_cart)
        .unwrap();
    assert_eq!(
        (status, problem["code"].as_str()),
        (422, Some("empty_cart"))
    );
    world.check(2);
}
