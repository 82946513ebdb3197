//! The carrier's reports, and the events that they cause.

use http::Method;
use partners::testing::Fate;
use serde_json::json;
use shipping::domain::status::Status;
use uuid::Uuid;

use crate::shop::Shop;

#[test]
fn a_parcel_is_followed_to_the_door_and_each_step_is_told() {
    let shop = Shop::new();
    let (shipment, number) = shop.shipped();
    let way = [
        "picked_up",
        "in_transit",
        "out_for_delivery",
        "delivered",
        "returned",
    ];
    for status in way {
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
    let seen: Vec<_> = tracking["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["status"].as_str().unwrap())
        .collect();
    assert_eq!(seen[0], "created");
    assert_eq!(seen[1..], way);
    let order = shipment.order_id.to_string();
    let told: Vec<_> = way
        .iter()
        .map(|status| {
            let data = json!({"order_id": order, "shipment_id": shipment.shipment_id, "tracking_number": number,
                "status": status});
            (format!("stoa.shipment.{status}"), order.clone(), data)
        })
        .collect();
    assert_eq!(shop.events(), told);
}

#[test]
fn a_repeated_report_changes_and_tells_nothing() {
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
fn a_late_report_enters_the_history_and_takes_nothing_back() {
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
    let told: Vec<_> = shop.events().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(told, ["stoa.shipment.delivered"]);
}

#[test]
fn a_late_report_that_it_was_cancelled_takes_no_parcel_out_of_the_carriers_hands() {
    for last in ["picked_up", "delivered", "returned"] {
        let shop = Shop::new();
        let (shipment, number) = shop.shipped();
        shop.advance(&number, last);
        let told = shop.events().len();
        let late = json!({"event_id": "late", "status": "cancelled", "at": "2026-01-01T00:00:00Z"});
        assert_eq!(
            shop.report(shipment.shipment_id, &late),
            (200, json!({"status": last}))
        );
        let (_, tracking) = shop.get(&format!("/shipping/{number}"));
        assert_eq!(tracking["status"], last);
        assert_eq!(shop.events().len(), told, "somebody was told");
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
fn a_note_is_counted_in_characters() {
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
fn a_report_that_comes_before_the_carriers_answer_is_kept() {
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
fn what_the_carrier_did_not_sign_is_refused_and_changes_nothing() {
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
fn signed_reports_with_bad_values_are_refused() {
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
    shop.notification_answers(0);
    assert_eq!(shop.advance(&number, "picked_up").0, 200);
    shop.notification_answers(503);
    shop.time_passes();
    assert_eq!(
        shop.flush(),
        (200, json!({"sent": 0, "failed": 1, "left": 1}))
    );
    let (_, waiting) = shop.get("/internal/shipments/outbox");
    assert_eq!(waiting["waiting"], 1);
    assert!(waiting["oldest"].is_string(), "{waiting}");
    shop.notification_answers(202);
    shop.time_passes();
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
