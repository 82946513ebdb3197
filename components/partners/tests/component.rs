//! Tests of the built component over HTTP. A stub stands for the shop, which receives the carrier's reports.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an unexpected value must fail the test"
)]

use std::time::{Duration, Instant};

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use stoa_testkit::{Answer, Shop, ShopOptions, Stub, StubResponse, at_once, unreachable_url};

const SECRET: &str = "a secret of this test";

fn options(webhook_url: &str) -> ShopOptions {
    ShopOptions::only(&["partners"])
        .variable("webhook_url", webhook_url)
        .variable("carrier_secret", SECRET)
}

fn charge(shop: &Shop, reference: &str) -> Answer {
    let body = json!({"reference": reference, "amount": {"amount": 1999, "currency": "EUR"}, "card_token": "tok_visa"});
    let request = shop.operator().post("/processor/charges");
    request
        .header("idempotency-key", reference)
        .json(&body)
        .send()
}

fn ledger(shop: &Shop) -> Vec<Value> {
    let ledger = shop
        .operator()
        .get("/processor/ledger")
        .send()
        .expect(200)
        .json;
    ledger["items"].as_array().unwrap().clone()
}

fn script(shop: &Shop, partner: &str, script: &Value) {
    let put = shop.operator().put(&format!("/script/{partner}"));
    let answer = put.json(script).send();
    assert!(answer.status < 300, "{}", answer.text());
}

fn parcel(shop: &Shop) -> Value {
    let address = json!({"name": "Ann", "street": "1 Main Street", "city": "Utrecht", "postal_code": "3511 AA", "country": "NL"});
    let request = shop
        .operator()
        .post("/carrier/shipments")
        .header("idempotency-key", "k");
    let body = json!({"reference": "0199aaaa-0000-7000-8000-000000000001", "address": address, "lines": [{"sku": "COF-001", "quantity": 1}]});
    request.json(&body).send().expect(201).json
}

fn advance(shop: &Shop, parcel: &Value) -> Answer {
    let number = parcel["tracking_number"].as_str().unwrap();
    let request = shop
        .operator()
        .post(&format!("/carrier/shipments/{number}/advance"));
    request
        .traced()
        .json(&json!({"status": "picked_up"}))
        .send()
}

#[test]
fn concurrent_requests_for_the_same_charge_are_charged_once() {
    let shop = Shop::start(options(&unreachable_url()));
    let charges = at_once(12, |_| charge(&shop, "ref-1").expect(201).json);
    assert!(charges.iter().all(|c| *c == charges[0]), "{charges:?}");
    assert_eq!(ledger(&shop).len(), 1);
}

#[test]
fn records_and_scripts_survive_a_crash() {
    let mut shop = Shop::start(options(&unreachable_url()));
    let _ = charge(&shop, "ref-1").expect(201);
    let booked = ledger(&shop);
    script(
        &shop,
        "processor",
        &json!({"mode": "error", "status": 500, "remaining": 1}),
    );
    shop.kill();
    shop.restart();
    assert_eq!(ledger(&shop), booked);
    assert_eq!(charge(&shop, "ref-2").expect(500).json["code"], "scripted");
    let _ = charge(&shop, "ref-2").expect(201);
    assert_eq!(ledger(&shop).len(), 2);
}

#[test]
fn a_scripted_delay_delays_only_one_request() {
    let shop = Shop::start(options(&unreachable_url()));
    script(
        &shop,
        "processor",
        &json!({"mode": "slow", "delay_ms": 2500, "remaining": 1}),
    );
    let began = Instant::now();
    let charges = at_once(4, |n| {
        (
            charge(&shop, &format!("ref-{n}")).expect(201),
            began.elapsed(),
        )
    });
    let mut times: Vec<_> = charges.into_iter().map(|(_, time)| time).collect();
    times.sort_unstable();
    assert!(times[3] >= Duration::from_millis(2500), "{times:?}");
    assert!(
        times[2] < times[3] - Duration::from_millis(500),
        "{times:?}"
    );
}

#[test]
fn a_change_is_reported_to_the_shop_with_a_signature_and_the_trace_of_the_request() {
    let stub = Stub::start(|_| StubResponse::json(200, json!({"status": "picked_up"})));
    let shop = Shop::start(options(stub.url()));
    let parcel = parcel(&shop);
    assert_eq!(
        advance(&shop, &parcel).expect(200).json["status"],
        "picked_up"
    );
    let report = stub
        .seen("/shipments/0199aaaa-0000-7000-8000-000000000001/events")
        .remove(0);
    report.assert_traced();
    let signature = report.header("x-carrier-signature").unwrap();
    let (time, digest) = signature
        .strip_prefix("t=")
        .unwrap()
        .split_once(",v1=")
        .unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{time}.").as_bytes());
    mac.update(&report.body);
    let expected: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(digest, expected);
    assert!(!shop.log().contains(SECRET));
}

#[test]
fn a_report_that_the_shop_does_not_receive_is_503_and_can_be_sent_again() {
    let shop = Shop::start(options(&unreachable_url()));
    let parcel = parcel(&shop);
    for _ in 0..2 {
        let _ = advance(&shop, &parcel).refused(503, "unavailable");
    }
    let line = shop.wait_for_line("the cause", |line| line["code"] == "unavailable");
    assert!(
        line["cause"]
            .as_str()
            .unwrap()
            .contains("ConnectionRefused"),
        "{line}"
    );
}

#[test]
fn methods_and_bodies_that_no_route_accepts_are_refused() {
    let shop = Shop::start(options(&unreachable_url()));
    let client = shop.operator();
    let answer = client
        .delete("/processor/ledger")
        .send()
        .refused(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET"));
    let _ = client.request("HEAD", "/script").send().expect(200);
    let long = client.post("/processor/charges").body(vec![b' '; 300_000]);
    let _ = long.send().refused(413, "body_too_large");
}
