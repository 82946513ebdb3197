//! Tests compensations: the customer's cancellation of an order starts them, and recovery finishes compensations that failed for a
//! while.

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
    world.check_invariants(2);
    assert_eq!(
        world.submit(&body("A", 2)).1["status"],
        "confirmed",
        "a repeated submission must get the response of the first submission"
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
    assert_eq!(
        world.events(),
        ["stoa.order.confirmed"],
        "the service must send the event only once"
    );
    world.check_invariants(2);
}

#[test]
fn an_order_whose_parcel_the_carrier_cancelled_is_refunded_and_restocked_on_cancellation() {
    for by in ["customer", "operator"] {
        let world = World::new();
        let (_, order) = world.submit(&body("A", 2));
        world.move_parcels("created", "cancelled");
        let id = order["order_id"].as_str().unwrap();
        let seen = world.call(Method::GET, &format!("/order/{id}")).1;
        assert_eq!(
            seen["status"], "confirmed",
            "the carrier's cancellation must not cancel the order"
        );
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
        world.check_invariants(2);
    }
}

#[test]
fn only_an_operator_can_cancel_the_order_of_a_returned_parcel() {
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
            "the parcel is {from}, so the order cannot be cancelled"
        );
        world.move_parcels(from, to);
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
    // The carrier delivers the returned parcel after all. This does not change the cancelled order, because a person must check the
    // parcel and the money.
    world.move_parcels("returned", "delivered");
    let seen = world.call(Method::GET, &format!("/order/{id}")).1;
    assert_eq!(seen["shipment"]["status"], "returned");
    world.check_invariants(2);
    let unknown_order = "/internal/orders/00000000-0000-0000-0000-000000000000/cancel";
    assert_eq!(world.call(Method::POST, unknown_order).0, 404);
}

#[test]
fn an_order_shows_the_current_status_of_its_parcel() {
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
    world.move_parcels("picked_up", "delivered");
    shown("delivered");
    // While `shipping` is down, `order` shows the parcel's status that its own database stored last.
    world.faults(|call, _| match call.url.contains("shipping") {
        true => Fault::NotSent,
        false => Fault::None,
    });
    shown("created");
}

#[test]
fn recovery_finishes_a_cancellation_that_failed() {
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
    world.remove_faults();
    assert_eq!(world.recover()["cancelled"], 1);
    world.check_invariants(2);
}

#[test]
fn a_pending_order_can_be_cancelled_once_it_has_no_driver() {
    let world = World::new();
    world.faults(|call, _| match call.method {
        Method::POST if call.url.ends_with("/payments") => Fault::AnswerLost,
        _ => Fault::None,
    });
    let (_, problem) = world.submit(&body("A", 2));
    world.remove_faults();
    let cancel = format!("/order/{}/cancel", problem["order_id"].as_str().unwrap());
    assert_eq!(world.call(Method::POST, &cancel).0, 200);
    assert_eq!(world.ledger()["refund"], 1);
    world.check_invariants(2);

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
    world.remove_faults();
    let id = world.orders()[0]["order_id"].as_str().unwrap().to_owned();
    let (status, problem) = world.call(Method::POST, &format!("/order/{id}/cancel"));
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("order_in_progress"))
    );
    world.advance_clock(61);
    assert_eq!(
        world.call(Method::POST, &format!("/order/{id}/cancel")).0,
        200
    );
    world.check_invariants(2);
}

#[test]
fn a_parcel_picked_up_before_the_order_records_it_confirms_the_order() {
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
    world.check_invariants(2);
}

#[test]
fn recovery_finishes_a_compensation_that_failed_for_a_while() {
    for down in ["/refund", "/reservations/", "/cancel"] {
        let world = World::new();
        world.faults(move |call, _| match call.url.as_str() {
            // The service `shipping` accepts the parcel, but its response is lost.
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
            "the timeline must have one entry for each step, however often the step was attempted: {order}"
        );
        world.remove_faults();
        world.recover_all();
        assert_eq!(world.orders()[0]["status"], "cancelled", "{down}");
        world.check_invariants(2);
    }
}

#[test]
fn a_decline_is_returned_even_while_the_stock_is_not_released() {
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
    world.remove_faults();
    assert_eq!(world.submit(&declined()), first);
    world.recover_all();
    world.check_invariants(2);
}

#[test]
fn a_refund_does_not_wait_for_a_carrier_that_is_down() {
    // With the mode `error`, the carrier fails before it accepts the parcel. With `lost_response`, it accepts the parcel and then
    // fails.
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
        world.check_invariants(2);
        world.script("carrier", &json!({"mode": "ok"}));
        world.cancel_parcels_at_carrier();
        assert_eq!(world.parcels(), ["cancelled"], "{mode}");
    }
}
