//! Tests of the built component over HTTP. A stub stands for the carrier and for the `notification` service.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an unexpected value must fail the test"
)]

use std::time::{Duration, Instant, SystemTime};

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use stoa_testkit::{
    Answer, REQUEST_ID, Shop, ShopOptions, Stub, StubResponse, TRACE_ID, at_once, unreachable_url,
    wait_until,
};
use uuid::Uuid;

const SECRET: &str = "a secret of this test";
const EVENT_DEADLINE: Duration = Duration::from_secs(20);

/// A stub for the carrier and the `notification` service at one address. `events` is the response of `notification`.
fn neighbours(events: StubResponse) -> Stub {
    Stub::start(move |seen| match seen.path.as_str() {
        "/carrier/shipments" => {
            let parcel = json!({"tracking_number": "TRK0001", "reference": seen.json["reference"], "status": "created"});
            StubResponse::json(201, parcel)
        }
        "/events" => events.clone(),
        _ => StubResponse::problem(404, "not_found"),
    })
}

fn accepted() -> StubResponse {
    StubResponse::json(202, json!({"status": "accepted"}))
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
fn concurrent_repeats_call_the_carrier_once_with_the_trace_of_the_request() {
    let stub = neighbours(accepted());
    let shop = Shop::start(options(stub.url()));
    let answers = at_once(12, |_| ship(&shop).expect(201).json);
    assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
    let calls = stub.seen("/carrier/shipments");
    assert_eq!(calls.len(), 1);
    calls[0].assert_traced();
    assert_eq!(
        calls[0].header("idempotency-key"),
        answers[0]["shipment_id"].as_str()
    );
    let line = shop.wait_for_line("the parcel", |line| {
        line["msg"] == "the request to ship was completed"
    });
    assert_eq!(
        (&line["request_id"], &line["trace_id"]),
        (&json!(REQUEST_ID), &json!(TRACE_ID))
    );
}

#[test]
fn an_unsigned_report_is_rejected_and_a_signed_report_is_answered_before_its_event_is_sent() {
    let stub = neighbours(StubResponse::Silence);
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
    wait_until(EVENT_DEADLINE, "the event", || {
        !stub.seen("/events").is_empty()
    });
    let event = stub.seen("/events").remove(0);
    event.assert_traced();
    assert_eq!(event.json["type"], "stoa.shipment.picked_up");
    assert_eq!(parcel(&shop)["status"], "picked_up");
    assert!(!shop.log().contains(SECRET));
}

#[test]
fn an_event_that_was_not_received_stays_in_the_outbox_and_survives_a_crash() {
    let stub = neighbours(accepted());
    let mut shop = Shop::start(options(stub.url()).variable("notification_url", unreachable_url()));
    let shipment = ship(&shop).expect(201).json;
    let _ = report(&shop, &shipment["shipment_id"], SECRET).expect(200);
    shop.wait_for_line("the failure to send the event", |line| {
        line.to_string().contains("ConnectionRefused")
    });
    shop.kill();
    let again = Shop::start(options(stub.url()).with_data_of(&shop));
    assert_eq!(parcel(&again)["status"], "picked_up");
    wait_until(EVENT_DEADLINE, "the event", || {
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
fn without_a_carrier_the_answer_is_503_and_the_log_has_the_cause() {
    let shop = Shop::start(options(&unreachable_url()));
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
fn a_missing_secret_is_500_and_only_the_log_has_the_cause() {
    let shop = Shop::start(options(&unreachable_url()).variable("carrier_secret", ""));
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
fn methods_and_bodies_that_no_route_accepts_are_refused() {
    let shop = Shop::start(options(&unreachable_url()));
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
