//! The built component, over HTTP; the test plays the carrier and the notification service.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test cannot read fails it"
)]

use std::time::{Duration, Instant, SystemTime};

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use stoa_testkit::{
    Answer, Play, REQUEST_ID, Shop, ShopOptions, Stub, TRACE_ID, at_once, nobody, wait_until,
};
use uuid::Uuid;

const SECRET: &str = "a secret of this test";
const SOON: Duration = Duration::from_secs(20);

/// Both neighbours at one address; `events` is the reaction of notification.
fn neighbours(events: Play) -> Stub {
    Stub::start(move |seen| match seen.path.as_str() {
        "/carrier/shipments" => {
            let parcel = json!({"tracking_number": "TRK0001", "reference": seen.json["reference"], "status": "created"});
            Play::json(201, parcel)
        }
        "/events" => events.clone(),
        _ => Play::problem(404, "not_found"),
    })
}

fn accepted() -> Play {
    Play::json(202, json!({"status": "accepted"}))
}

fn options(url: &str) -> ShopOptions {
    ShopOptions::only(&["shipping"])
        .variable("carrier_url", url)
        .variable("notification_url", url)
        .variable("carrier_secret", SECRET)
}

fn ship(shop: &Shop) -> Answer {
    let address = json!({"name": "Ann", "street": "1 Main Street", "city": "Utrecht", "postal_code": "3511 AA", "country": "NL"});
    let body = json!({"order_id": Uuid::nil(), "address": address, "lines": [{"sku": "COF-001", "quantity": 1}]});
    let request = shop.operator().post("/shipments").traced();
    request
        .header("idempotency-key", "key-1")
        .json(&body)
        .send()
}

fn report(shop: &Shop, shipment_id: &Value, secret: &str) -> Answer {
    let body =
        json!({"event_id": "e-1", "status": "picked_up", "at": "2026-11-21T14:00:00Z"}).to_string();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{now}.{body}").as_bytes());
    let digest: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let path = format!("/shipments/{}/events", shipment_id.as_str().unwrap());
    let request = shop.gateway().post(&path).traced();
    let request = request.header("content-type", "application/json");
    request
        .header("x-carrier-signature", &format!("t={now},v1={digest}"))
        .body(body)
        .send()
}

fn parcel(shop: &Shop) -> Value {
    shop.gateway()
        .get("/shipping/TRK0001")
        .send()
        .expect(200)
        .json
}

#[test]
fn the_carrier_is_asked_on_behalf_of_the_request_and_once_for_all_repeats() {
    let stub = neighbours(accepted());
    let shop = Shop::start(options(stub.url()));
    let answers = at_once(12, |_| ship(&shop).expect(201).json);
    assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
    let asked = stub.seen("/carrier/shipments");
    assert_eq!(asked.len(), 1);
    asked[0].assert_traced();
    assert_eq!(
        asked[0].header("idempotency-key"),
        answers[0]["shipment_id"].as_str()
    );
    let line = shop.wait_for_line("the parcel", |line| line["msg"] == "shipment settled");
    assert_eq!(
        (&line["request_id"], &line["trace_id"]),
        (&json!(REQUEST_ID), &json!(TRACE_ID))
    );
}

#[test]
fn a_report_is_answered_before_its_event_leaves_and_only_if_the_carrier_signed_it() {
    let stub = neighbours(Play::Silence);
    let shop = Shop::start(options(stub.url()));
    let shipment = ship(&shop).expect(201).json;
    let _ = report(&shop, &shipment["shipment_id"], "another secret").refused(401, "unauthorized");
    let begun = Instant::now();
    let answer = report(&shop, &shipment["shipment_id"], SECRET).expect(200);
    assert_eq!(answer.json["status"], "picked_up");
    assert!(
        begun.elapsed() < stoa_service::outbound::DEFAULT_TIMEOUT,
        "{:?}",
        begun.elapsed()
    );
    wait_until(SOON, "the event", || !stub.seen("/events").is_empty());
    let event = stub.seen("/events").remove(0);
    event.assert_traced();
    assert_eq!(event.json["type"], "stoa.shipment.picked_up");
    assert_eq!(parcel(&shop)["status"], "picked_up");
    assert!(!shop.log().contains(SECRET));
}

#[test]
fn an_event_that_found_nobody_waits_in_the_outbox_over_a_crash() {
    let stub = neighbours(accepted());
    let mut shop = Shop::start(options(stub.url()).variable("notification_url", nobody()));
    let shipment = ship(&shop).expect(201).json;
    let _ = report(&shop, &shipment["shipment_id"], SECRET).expect(200);
    shop.wait_for_line("the event's return", |line| {
        line.to_string().contains("ConnectionRefused")
    });
    shop.kill();
    let again = Shop::start(options(stub.url()).over(&shop));
    assert_eq!(parcel(&again)["status"], "picked_up");
    wait_until(SOON, "the event's turn", || {
        let _ = again
            .operator()
            .post("/internal/shipments/outbox")
            .send()
            .expect(200);
        !stub.seen("/events").is_empty()
    });
    assert_eq!(
        stub.seen("/events")[0].json["type"],
        "stoa.shipment.picked_up"
    );
}

#[test]
fn without_a_carrier_the_answer_is_503_and_the_log_says_why() {
    let shop = Shop::start(options(&nobody()));
    let answer = ship(&shop).refused(503, "unavailable");
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    let line = shop.wait_for_line("the cause", |line| line["code"] == "unavailable");
    assert!(
        line["cause"]
            .as_str()
            .unwrap()
            .contains("ConnectionRefused"),
        "{line}"
    );
    let list = shop.operator().get("/shipments").send().expect(200).json;
    assert_eq!(list["items"][0]["status"], "pending");
}

#[test]
fn a_missing_secret_is_500_with_its_cause_in_the_log_alone() {
    let shop = Shop::start(options(&nobody()).variable("carrier_secret", ""));
    let answers = at_once(8, |_| shop.operator().get("/shipments").send());
    for answer in answers {
        let answer = answer.refused(500, "misconfigured");
        assert!(
            !answer.text().contains("carrier_secret"),
            "{}",
            answer.text()
        );
    }
    let line = shop.wait_for_line("the cause", |line| line["code"] == "misconfigured");
    assert_eq!(line["cause"], "variable carrier_secret is missing");
}

#[test]
fn methods_and_bodies_that_no_route_takes_are_refused() {
    let shop = Shop::start(options(&nobody()));
    let client = shop.operator();
    let answer = client
        .delete("/shipments")
        .send()
        .refused(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, POST"));
    let _ = client.request("HEAD", "/shipments").send().expect(200);
    let long = client.post("/shipments").body(vec![b' '; 300_000]);
    let _ = long.send().refused(413, "body_too_large");
}
