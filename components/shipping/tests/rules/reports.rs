//! Tests of the carrier's reports, and of the events that they cause.

use http::Method;
use partners::testing::Fate;
use serde_json::json;
use shipping::domain::status::Status;
use uuid::Uuid;

use crate::shop::Shop;

#[test]
fn each_report_about_a_parcel_changes_the_status_and_causes_an_event() {
    let shop = Shop::new();
    let (shipment, number) = shop.shipped();
    let statuses = [
        "picked_up",
        "in_transit",
        "out_for_delivery",
        "delivered",
        "returned",
    ];
    for status in statuses {
        assert_eq!(
            shop.advance(&number, status),
            (200, json!({"status": status}))
        );
    }
    let (status, tracking) = shop.get(&format!("/shipping/{number}"));
    assert_eq!(
        (status, tracking["status"].as_str()),
        (200, Some("returned"))
    );
    let history: Vec<_> = tracking["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["status"].as_str().unwrap())
        .collect();
    assert_eq!(history[0], "created");
    assert_eq!(history[1..], statuses);
    let order = shipment.order_id.to_string();
    let expected_events: Vec<_> = statuses
        .iter()
        .map(|status| {
            let data = json!({"order_id": order, "shipment_id": shipment.shipment_id, "tracking_number": number,
                "status": status});
            (format!("stoa.shipment.{status}"), order.clone(), data)
        })
        .collect();
    assert_eq!(shop.events(), expected_events);
}

#[test]
fn a_repeated_report_changes_nothing_and_causes_no_event() {
    let shop = Shop::new();
    let (_, number) = shop.shipped();
    for _ in 0..3 {
        assert_eq!(shop.advance(&number, "picked_up").0, 200);
    }
    let (_, tracking) = shop.get(&format!("/shipping/{number}"));
    assert_eq!(tracking["events"].as_array().unwrap().len(), 2);
    assert_eq!(shop.events().len(), 1);
}

#[test]
fn a_late_report_is_added_to_the_history_and_does_not_change_the_status() {
    let shop = Shop::new();
    let (_, number) = shop.shipped();
    shop.advance(&number, "delivered");
    assert_eq!(
        shop.advance(&number, "in_transit"),
        (200, json!({"status": "delivered"}))
    );
    let (_, tracking) = shop.get(&format!("/shipping/{number}"));
    assert_eq!(tracking["status"], "delivered");
    assert_eq!(tracking["events"].as_array().unwrap().len(), 3);
    let kinds: Vec<_> = shop.events().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["stoa.shipment.delivered"]);
}

#[test]
fn a_late_report_of_a_cancellation_does_not_cancel_a_parcel_that_was_picked_up() {
    for last in ["picked_up", "delivered", "returned"] {
        let shop = Shop::new();
        let (shipment, number) = shop.shipped();
        shop.advance(&number, last);
        let events = shop.events().len();
        let late = json!({"event_id": "late", "status": "cancelled", "at": "2026-01-01T00:00:00Z"});
        assert_eq!(
            shop.report(shipment.shipment_id, &late),
            (200, json!({"status": last}))
        );
        let (_, tracking) = shop.get(&format!("/shipping/{number}"));
        assert_eq!(tracking["status"], last);
        assert_eq!(
            shop.events().len(),
            events,
            "the late report caused an event"
        );
        let uri = format!("/shipments/{}/cancel", shipment.shipment_id);
        let (status, problem) = shop.try_call(Method::POST, &uri, &[], "{}").unwrap();
        assert_eq!(
            (status, problem["code"].as_str()),
            (409, Some("handed_over")),
            "{problem}"
        );
    }
}

#[test]
fn the_length_of_a_note_is_counted_in_characters() {
    let shop = Shop::new();
    let (shipment, _) = shop.shipped();
    for (number, (note, expected)) in [
        ("\u{3b1}".repeat(251), 200),
        ("\u{30ab}".repeat(500), 200),
        ("x".repeat(500), 200),
        ("\u{30ab}".repeat(501), 422),
        ("x".repeat(501), 422),
    ]
    .into_iter()
    .enumerate()
    {
        let event = json!({"event_id": format!("n{number}"), "status": "picked_up", "at": "2026-01-01T00:00:00Z", "note": note});
        let (status, answer) = shop.report(shipment.shipment_id, &event);
        assert_eq!(status, expected, "{answer}");
    }
}

#[test]
fn a_report_that_arrives_before_the_carriers_response_is_stored() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    shop.fates([Fate::LostAfter]);
    assert_eq!(shop.ship(order, "k", "AT").unwrap().0, 503);
    let (number, _) = shop.parcel(shop.stored(order).shipment_id).unwrap();
    assert_eq!(shop.advance(&number, "picked_up").0, 200);
    let (status, body) = shop.ship(order, "k", "AT").unwrap();
    assert_eq!((status, body["status"].as_str()), (201, Some("picked_up")));
    assert_eq!(body["tracking_number"], number);
}

#[test]
fn a_report_without_a_valid_signature_is_rejected_and_changes_nothing() {
    let shop = Shop::new();
    let (shipment, number) = shop.shipped();
    let uri = format!("/shipments/{}/events", shipment.shipment_id);
    let body =
        json!({"event_id": "e1", "status": "delivered", "at": "2026-01-01T00:00:00Z"}).to_string();
    let seconds = stoa_service::time::now() / 1000;
    let forged = format!("t={seconds},v1={}", "0".repeat(64));
    for headers in [
        &[][..],
        &[("x-carrier-signature", "nonsense")],
        &[("x-carrier-signature", &*forged)],
    ] {
        let (status, problem) = shop.try_call(Method::POST, &uri, headers, &body).unwrap();
        assert_eq!(
            (status, problem["code"].as_str()),
            (401, Some("unauthorized"))
        );
    }
    let (_, tracking) = shop.get(&format!("/shipping/{number}"));
    assert_eq!(tracking["status"], "created");
    assert!(shop.events().is_empty());
}

#[test]
fn signed_reports_with_invalid_values_are_rejected() {
    let shop = Shop::new();
    let (shipment, _) = shop.shipped();
    let (other, _) = shop.shipped();
    let good = json!({"event_id": "e1", "status": "picked_up", "at": "2026-01-01T00:00:00Z", "note": "hello"});
    assert_eq!(shop.report(shipment.shipment_id, &good).0, 200);
    assert_eq!(
        shop.report(other.shipment_id, &good).1["code"],
        "event_of_another_shipment"
    );
    assert_eq!(shop.report(Uuid::now_v7(), &good).0, 404);
    for (field, value) in [
        ("event_id", json!("")),
        ("event_id", json!("a b")),
        ("status", json!("lost")),
        ("status", json!("pending")),
        ("at", json!("yesterday")),
        ("note", json!("x".repeat(501))),
        ("tip", json!(1)),
    ] {
        let mut event = good.clone();
        event[field] = value;
        let (status, problem) = shop.report(shipment.shipment_id, &event);
        assert_eq!(status, 422, "{event}");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains(if field == "status" { "" } else { field })
        );
    }
    assert_eq!(shop.stored(other.order_id).status, Status::Created);
}

#[test]
fn events_wait_in_the_outbox_while_notification_is_down() {
    let shop = Shop::new();
    let (_, number) = shop.shipped();
    shop.set_notification_status(0);
    assert_eq!(shop.advance(&number, "picked_up").0, 200);
    shop.set_notification_status(503);
    shop.make_everything_due();
    assert_eq!(
        shop.flush(),
        (200, json!({"sent": 0, "failed": 1, "left": 1}))
    );
    let (_, waiting) = shop.get("/internal/shipments/outbox");
    assert_eq!(waiting["waiting"], 1);
    assert!(waiting["oldest"].is_string(), "{waiting}");
    shop.set_notification_status(202);
    shop.make_everything_due();
    assert_eq!(
        shop.flush(),
        (200, json!({"sent": 1, "failed": 0, "left": 0}))
    );
    assert_eq!(
        shop.flush(),
        (200, json!({"sent": 0, "failed": 0, "left": 0}))
    );
    let nothing = json!({"waiting": 0, "oldest": null});
    assert_eq!(shop.get("/internal/shipments/outbox"), (200, nothing));
}
