//! Compensations: requested by the customer, or finished later by recovery.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::net::Fault;
use crate::world::{World, ann, body, declined};

#[test]
fn a_confirmed_order_can_be_cancelled_until_the_carrier_has_the_parcel() {
    let world = World::new();
    let (_, order) = world.submit(&body("A", 2));
    let cancel = format!("/order/{}/cancel", order["order_id"].as_str().unwrap());
    let (status, cancelled) = world.call(Method::POST, &cancel);
    assert_eq!(
        (status, &cancelled["status"]),
        (200, &json!("cancelled")),
        "{cancelled}"
    );
    assert_eq!(cancelled["payment"]["status"], "refunded");
    assert_eq!(cancelled["shipment"]["status"], "cancelled");
    assert_eq!(cancelled["reason"], "cancelled_by_customer");
    assert_eq!(world.call(Method::POST, &cancel), (200, cancelled));
    let mut events = world.events();
    events.sort();
    assert_eq!(events, ["stoa.order.cancelled", "stoa.order.confirmed"]);
    world.check(2);
    assert_eq!(
        world.submit(&body("A", 2)).1["status"],
        "confirmed",
        "the first answer, again"
    );

    let world = World::new();
    let (_, order) = world.submit(&body("A", 2));
    world.pick_up();
    let cancel = format!("/order/{}/cancel", order["order_id"].as_str().unwrap());
    for _ in 0..2 {
        let (status, problem) = world.call(Method::POST, &cancel);
        assert_eq!(
            (status, problem["code"].as_str()),
            (409, Some("handed_over"))
        );
        assert_eq!(world.orders()[0]["status"], "confirmed");
        assert_eq!(world.orders()[0]["reason"], Value::Null);
    }
    assert_eq!(world.events(), ["stoa.order.confirmed"], "sent once");
    world.check(2);
}

#[test]
fn a_parcel_that_the_carrier_called_off_is_refunded_and_restocked_when_customer_or_operator_cancel()
{
    for by in ["customer", "operator"] {
        let world = World::new();
        let (_, order) = world.submit(&body("A", 2));
        world.parcels_become("created", "cancelled");
        let id = order["order_id"].as_str().unwrap();
        let seen = world.call(Method::GET, &format!("/order/{id}")).1;
        assert_eq!(seen["status"], "confirmed", "a person decides");
        assert_eq!(seen["shipment"]["status"], "cancelled");
        let cancel = match by {
            "customer" => format!("/order/{id}/cancel"),
            _ => format!("/internal/orders/{id}/cancel"),
        };
        let (status, cancelled) = world.call(Method::POST, &cancel);
        assert_eq!(
            (status, &cancelled["status"], &cancelled["reason"]),
            (
                200,
                &json!("cancelled"),
                &json!(format!("cancelled_by_{by}"))
            )
        );
        assert_eq!(cancelled["payment"]["status"], "refunded");
        world.check(2);
    }
}

#[test]
fn the_order_of_a_parcel_that_came_back_is_cancelled_by_an_operator_alone() {
    let world = World::new();
    let (_, order) = world.submit(&body("A", 2));
    let id = order["order_id"].as_str().unwrap();
    let inside = format!("/internal/orders/{id}/cancel");
    world.pick_up();
    for (from, to) in [("picked_up", "delivered"), ("delivered", "returned")] {
        let (status, problem) = world.call(Method::POST, &inside);
        assert_eq!(
            (status, &problem["code"]),
            (409, &json!("handed_over")),
            "not while it is {from}"
        );
        world.parcels_become(from, to);
    }
    let (status, problem) = world.call(Method::POST, &format!("/order/{id}/cancel"));
    assert_eq!((status, &problem["code"]), (409, &json!("handed_over")));
    for _ in 0..2 {
        let (status, cancelled) = world.call(Method::POST, &inside);
        assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")));
        assert_eq!(cancelled["reason"], "cancelled_by_operator");
        assert_eq!(cancelled["payment"]["status"], "refunded");
        assert_eq!(cancelled["shipment"]["status"], "returned");
    }
    // A second delivery attempt changes nothing here: a person checks where the parcel and the money are.
    world.parcels_become("returned", "delivered");
    let seen = world.call(Method::GET, &format!("/order/{id}")).1;
    assert_eq!(seen["shipment"]["status"], "returned");
    world.check(2);
    let nobodys = "/internal/orders/00000000-0000-0000-0000-000000000000/cancel";
    assert_eq!(world.call(Method::POST, nobodys).0, 404);
}

#[test]
fn an_order_shows_where_its_parcel_is() {
    let world = World::new();
    let (_, order) = world.submit(&body("A", 1));
    let id = order["order_id"].as_str().unwrap();
    let pages = ["/order", "/internal/orders"];
    let shown = |status: &str| {
        let one = world.call(Method::GET, &format!("/order/{id}")).1;
        assert_eq!(one["shipment"]["status"], *status);
        assert_eq!(
            one["shipment"]["tracking_number"],
            order["shipment"]["tracking_number"]
        );
        for page in pages {
            let page = world.call(Method::GET, page).1;
            assert_eq!(page["items"][0]["shipment"]["status"], *status);
        }
    };
    shown("created");
    world.pick_up();
    shown("picked_up");
    world.parcels_become("picked_up", "delivered");
    shown("delivered");
    // Without shipping, order shows the last status in its own database.
    world.faults(|call, _| match call.url.contains("shipping") {
        true => Fault::NotSent,
        false => Fault::None,
    });
    shown("created");
}

#[test]
fn a_cancellation_that_does_not_get_through_is_finished_later() {
    let world = World::new();
    let (_, order) = world.submit(&body("A", 2));
    let cancel = format!("/order/{}/cancel", order["order_id"].as_str().unwrap());
    world.faults(|call, _| {
        if call.url.contains("shipping") {
            Fault::Status(503)
        } else {
            Fault::None
        }
    });
    assert_eq!(world.call(Method::POST, &cancel).0, 503);
    world.calm();
    assert_eq!(world.recover()["cancelled"], 1);
    world.check(2);
}

#[test]
fn a_pending_order_can_be_cancelled_once_nobody_drives_it() {
    let world = World::new();
    world.faults(|call, _| match call.method {
        Method::POST if call.url.ends_with("/payments") => Fault::AnswerLost,
        _ => Fault::None,
    });
    let (_, problem) = world.submit(&body("A", 2));
    world.calm();
    let cancel = format!("/order/{}/cancel", problem["order_id"].as_str().unwrap());
    assert_eq!(world.call(Method::POST, &cancel).0, 200);
    assert_eq!(world.ledger()["refund"], 1);
    world.check(2);

    let world = World::new();
    world.faults(|call, _| {
        if call.url.ends_with("/commit") {
            Fault::CrashBefore
        } else {
            Fault::None
        }
    });
    assert_eq!(
        world.try_call(ann(), Method::POST, "/order", "k", &body("A", 2)),
        None
    );
    world.calm();
    let id = world.orders()[0]["order_id"].as_str().unwrap().to_owned();
    let (status, problem) = world.call(Method::POST, &format!("/order/{id}/cancel"));
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("order_in_progress"))
    );
    world.later(61);
    assert_eq!(
        world.call(Method::POST, &format!("/order/{id}/cancel")).0,
        200
    );
    world.check(2);
}

#[test]
fn a_parcel_picked_up_before_order_heard_of_it_confirms_the_order() {
    let world = World::new();
    let inner = Arc::downgrade(&world);
    world.faults(move |call, _| match call.url.as_str() {
        url if url.ends_with("/shipments") => Fault::AnswerLost,
        url if url.contains("/shipments?") => {
            inner.upgrade().unwrap().pick_up();
            Fault::None
        }
        _ => Fault::None,
    });
    let (status, order) = world.submit(&body("A", 2));
    assert_eq!(
        (status, &order["status"]),
        (201, &json!("confirmed")),
        "{order}"
    );
    world.check(2);
}

#[test]
fn a_compensation_that_fails_for_a_while_is_finished_by_recovery() {
    for down in ["/refund", "/reservations/", "/cancel"] {
        let world = World::new();
        world.faults(move |call, _| match call.url.as_str() {
            // Shipping takes the parcel, but its response is lost.
            url if url.ends_with("/shipments") => Fault::AnswerLost,
            url if url.contains(down)
                && (call.method == Method::DELETE || !url.contains("reservations")) =>
            {
                Fault::Status(503)
            }
            _ => Fault::None,
        });
        let (status, problem) = world.submit(&body("A", 2));
        assert_eq!(status, 503, "{down}: {problem}");
        for _ in 0..3 {
            assert_eq!(world.recover()["pending"], 1, "{down}");
        }
        let order = world.orders()[0].clone();
        assert!(
            order["timeline"].as_array().unwrap().len() <= 9,
            "one line a step, however often: {order}"
        );
        world.calm();
        world.recover_all();
        assert_eq!(world.orders()[0]["status"], "cancelled", "{down}");
        world.check(2);
    }
}

#[test]
fn a_declined_customer_hears_so_even_while_the_stock_is_not_back() {
    let world = World::new();
    world.faults(|call, _| {
        if call.method == Method::DELETE {
            Fault::NotSent
        } else {
            Fault::None
        }
    });
    let first = world.submit(&declined());
    assert_eq!(first.0, 402);
    assert_eq!(world.stock_of("A"), (10, 2));
    world.calm();
    assert_eq!(world.submit(&declined()), first);
    world.recover_all();
    world.check(2);
}

#[test]
fn a_refund_does_not_wait_for_a_carrier_that_is_down() {
    // The carrier goes down before it makes a parcel, or after.
    for mode in ["error", "lost_response"] {
        let world = World::new();
        world.script("carrier", &json!({"mode": mode, "status": 503}));
        let (status, problem) = world.submit(&body("A", 2));
        assert_eq!(
            (status, problem["code"].as_str()),
            (503, Some("unavailable")),
            "{problem}"
        );
        let order = world.orders()[0].clone();
        assert_eq!(order["status"], "cancelled", "{mode}: {order}");
        assert_eq!(order["payment"]["status"], "refunded");
        world.check(2);
        world.script("carrier", &json!({"mode": "ok"}));
        world.tell_the_carrier();
        assert_eq!(world.parcels(), ["cancelled"], "{mode}");
    }
}
