//! The service's routes over a real SQLite, against the carrier of `partners`, whose signed reports come back into the
//! same routes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test cannot read fails it"
)]

mod lost_answers;
mod shop;

use http::Method;
use partners::testing::Fate;
use serde_json::{Value, json};
use shipping::domain::Status;
use uuid::Uuid;

use shop::{Shop, submission};

#[test]
fn ships_once_and_gives_the_first_answer_again() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    let first = shop.ship(order, "k", "AT").unwrap();
    assert_eq!(first, shop.ship(order, "k", "AT").unwrap());
    let (status, shipment) = first;
    assert_eq!(
        (status, shipment["status"].as_str()),
        (201, Some("created"))
    );
    assert_eq!(shipment["order_id"], order.to_string());
    let stored = shop.stored(order);
    assert_eq!(shipment["shipment_id"], stored.shipment_id.to_string());
    let (number, parcel) = shop.parcel(stored.shipment_id).unwrap();
    assert_eq!(
        (shipment["tracking_number"].as_str(), parcel.as_str()),
        (Some(&*number), "created")
    );
    let (status, page) = shop.get(&format!("/shipments?order_id={order}"));
    assert_eq!((status, &page["items"][0]), (200, &shipment));
}

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

#[test]
fn calls_a_parcel_off_until_it_is_picked_up() {
    let shop = Shop::new();
    let (early, number) = shop.shipped();
    for _ in 0..2 {
        let (status, body) = shop.cancel(early.shipment_id).unwrap();
        assert_eq!((status, body["status"].as_str()), (200, Some("cancelled")));
    }
    assert_eq!(shop.parcel(early.shipment_id).unwrap().1, "cancelled");
    assert_eq!(
        shop.get(&format!("/shipping/{number}")).1["status"],
        "cancelled"
    );

    let (late, number) = shop.shipped();
    shop.advance(&number, "picked_up");
    let (status, problem) = shop.cancel(late.shipment_id).unwrap();
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("handed_over"))
    );
    assert_eq!(shop.stored(late.order_id).status, Status::PickedUp);
}

#[test]
fn without_a_label_a_shipment_is_cancelled_at_once_and_the_carrier_hears_of_it_when_it_is_back() {
    // Whether the carrier made a parcel of the lost request or not.
    for (lost, parcel) in [
        (Fate::LostAfter, Some("created".to_owned())),
        (Fate::LostBefore, None),
    ] {
        let (shop, order) = (Shop::new(), Uuid::now_v7());
        let parcel_of =
            |shipment| -> Option<String> { shop.parcel(shipment).map(|(_, status)| status) };
        shop.fates([lost]);
        assert_eq!(shop.ship(order, "k", "AT").unwrap().0, 503);
        let shipment = shop.stored(order).shipment_id;
        let down = json!({"mode": "error", "status": 503});
        shop.stage.ask(Method::PUT, "/script/carrier", &down);
        for _ in 0..2 {
            let (status, body) = shop.cancel(shipment).unwrap();
            assert_eq!((status, body["status"].as_str()), (200, Some("cancelled")));
        }
        shop.time_passes();
        assert_eq!(shop.flush().0, 200);
        let (status, problem) = shop.ship(order, "k2", "AT").unwrap();
        assert_eq!(
            (status, problem["code"].as_str()),
            (409, Some("shipment_cancelled"))
        );
        assert_eq!(shop.untold(), 1);
        let up = json!({"mode": "ok"});
        shop.stage.ask(Method::PUT, "/script/carrier", &up);
        assert_eq!(parcel_of(shipment), parcel);
        shop.time_passes();
        assert_eq!(shop.flush().0, 200);
        assert_eq!(parcel_of(shipment).as_deref(), Some("cancelled"));
        assert_eq!(shop.untold(), 0);
        assert_eq!(shop.stored(order).status, Status::Cancelled);
    }
}

#[test]
fn with_a_label_only_the_carrier_can_say_whether_it_is_too_late() {
    let shop = Shop::new();
    let (shipment, number) = shop.shipped();
    shop.fates([Fate::NotSent]);
    assert_eq!(shop.cancel(shipment.shipment_id).unwrap().0, 503);
    assert_eq!(shop.stored(shipment.order_id).status, Status::Created);
    shop.advance(&number, "picked_up");
    assert_eq!(shop.cancel(shipment.shipment_id).unwrap().0, 409);
    assert_eq!(shop.untold(), 0);
}

#[test]
fn the_carrier_knows_of_a_pick_up_before_its_report_is_here() {
    let shop = Shop::new();
    let (shipment, number) = shop.shipped();
    // The report is on its way: the parcel moves, and this service has not heard of it.
    let before = shop.stored(shipment.order_id);
    shop.advance(&number, "picked_up");
    shop.forget_reports(&before);
    let (status, problem) = shop.cancel(shipment.shipment_id).unwrap();
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("handed_over"))
    );
    assert_eq!(
        shop.ship(shipment.order_id, "another", "AT").unwrap().0,
        201
    );
}

#[test]
fn a_refused_address_is_final_and_the_carriers_own_word() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    for key in ["k", "k", "k2"] {
        let (status, problem) = shop.ship(order, key, "XX").unwrap();
        assert_eq!(
            (status, problem["code"].as_str()),
            (422, Some("address_refused"))
        );
    }
    assert_eq!(shop.parcel(shop.stored(order).shipment_id), None);
    let other = Uuid::now_v7();
    let script = json!({"mode": "error", "status": 422, "remaining": 1});
    shop.stage.ask(Method::PUT, "/script/carrier", &script);
    assert_eq!(shop.ship(other, "k3", "AT").unwrap().0, 503);
    assert_eq!(shop.ship(other, "k3", "AT").unwrap().0, 201);
}

#[test]
fn bad_input_is_refused_named_and_ships_nothing() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    let with = |pointer: &str, value: Value| {
        let mut body = submission(order, "AT");
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (body, word) in [
        (with("/address/country", json!("at")), "address.country"),
        (with("/address/country", json!("AUT")), "address.country"),
        (with("/address/name", json!(" ")), "address.name"),
        (
            with("/address/street", json!("x".repeat(201))),
            "address.street",
        ),
        (with("/address/city", json!("Graz\u{0}")), "address.city"),
        (
            with("/address", json!({"name": "Ann", "planet": "Mars"})),
            "planet",
        ),
        (
            with("/address", json!(["Ann", "Main 1", "Graz", "8010", "AT"])),
            "address: ",
        ),
        (with("/lines", json!([])), "lines"),
        (with("/lines/0", json!(["COF-001", 2])), "lines[0]: "),
        (with("/lines/0/quantity", json!(0)), "lines[0].quantity"),
        (with("/lines/0/quantity", json!(-1)), "-1"),
        (with("/lines/0/sku", json!("a b")), "lines[0].sku"),
        (with("/order_id", json!("x")), "UUID"),
    ] {
        let (status, problem) = shop.call(Method::POST, "/shipments", "k", &body);
        assert_eq!(status, 422, "{body}");
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
    let body = submission(order, "AT");
    let event = format!("/shipments/{order}/events");
    for (method, uri, key, status) in [
        (Method::POST, "/shipments", "", 400),
        (Method::GET, "/shipments?limit=101", "", 400),
        (Method::GET, "/shipments?order_id=x", "", 422),
        (Method::GET, "/shipping/PX123", "", 404),
        (Method::POST, "/shipments/nonsense/cancel", "", 404),
        (Method::POST, &event, "", 401),
        (Method::PUT, "/shipments", "", 405),
    ] {
        assert_eq!(shop.call(method, uri, key, &body).0, status, "{uri}");
    }
    assert_eq!(shop.get("/shipments").1["items"], json!([]));
}

#[test]
fn another_address_for_the_same_order_is_a_conflict() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    assert_eq!(shop.ship(order, "k", "AT").unwrap().0, 201);
    let (status, problem) = shop.ship(order, "k2", "DE").unwrap();
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("shipment_differs"))
    );
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
