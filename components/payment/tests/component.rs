//! Tests of the built component `payment` over HTTP. A stub replaces the card processor.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic fails the test, which is intended"
)]

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use stoa_testkit::{
    Answer, REQUEST_ID, Shop, ShopOptions, Stub, StubResponse, TRACE_ID, at_once, unreachable_url,
};
use uuid::Uuid;

/// Starts a stub of the card processor. With `loses_first_response`, the stub cuts the connection instead of sending its first
/// response.
fn processor(loses_first_response: bool) -> Stub {
    let charges = Mutex::new(BTreeMap::<String, Value>::new());
    Stub::start(move |request| {
        let mut charges = charges.lock().unwrap();
        match (request.method.as_str(), request.path.split_once('=')) {
            ("POST", None) if request.path == "/processor/charges" => {
                let reference = request.json["reference"].as_str().unwrap().to_owned();
                let charge = json!({"charge_id": Uuid::now_v7(), "reference": reference,
                    "amount": request.json["amount"], "status": "captured"});
                let first = charges.is_empty();
                let charge = charges.entry(reference).or_insert(charge).clone();
                match loses_first_response && first {
                    true => StubResponse::Disconnect,
                    false => StubResponse::json(201, charge),
                }
            }
            ("GET", Some(("/processor/charges?reference", reference))) => {
                let found: Vec<_> = charges.get(reference).into_iter().collect();
                StubResponse::json(200, json!({"items": found}))
            }
            _ => StubResponse::problem(404, "not_found"),
        }
    })
}

fn start(processor_url: &str) -> Shop {
    Shop::start(ShopOptions::only(&["payment"]).variable("processor_url", processor_url))
}

fn pay(shop: &Shop, order_id: Uuid) -> Answer {
    let body = json!({"order_id": order_id, "amount": {"amount": 1999, "currency": "EUR"},
        "method": "card", "card_token": "tok_visa"});
    let request = shop.operator().post("/payments").traced();
    request
        .header("idempotency-key", "key-1")
        .json(&body)
        .send()
}

fn payments(shop: &Shop) -> Vec<Value> {
    let list = shop.operator().get("/payments").send().expect(200).json;
    list["items"].as_array().unwrap().clone()
}

#[test]
fn the_call_to_the_processor_carries_the_trace_and_the_card_token_is_never_logged() {
    let processor = processor(false);
    let shop = start(processor.url());
    let paid = pay(&shop, Uuid::now_v7()).expect(201).json;
    let calls = processor.seen("/processor/charges");
    assert_eq!(calls.len(), 1);
    calls[0].assert_traced();
    assert_eq!(
        calls[0].header("idempotency-key"),
        paid["payment_id"].as_str()
    );
    assert_eq!(
        calls[0].json["amount"],
        json!({"amount": 1999, "currency": "EUR"})
    );
    let line = shop.wait_for_line("the charge", |line| {
        line["payment_id"] == paid["payment_id"]
    });
    assert_eq!(
        (&line["request_id"], &line["trace_id"]),
        (&json!(REQUEST_ID), &json!(TRACE_ID))
    );
    assert!(!shop.log().contains("tok_visa"));
}

#[test]
fn concurrent_repeats_cause_one_charge_and_get_the_same_response() {
    let processor = processor(false);
    let shop = start(processor.url());
    let order_id = Uuid::now_v7();
    let answers = at_once(12, |_| pay(&shop, order_id).expect(201).json);
    assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
    assert_eq!(processor.seen("/processor/charges").len(), 1);
}

#[test]
fn a_charge_whose_response_was_cut_off_is_looked_up_after_a_crash_and_not_repeated() {
    let processor = processor(true);
    let mut shop = start(processor.url());
    let order_id = Uuid::now_v7();
    let _ = pay(&shop, order_id).refused(503, "unavailable");
    assert_eq!(payments(&shop)[0]["status"], "pending");
    shop.kill();
    shop.restart();
    assert_eq!(pay(&shop, order_id).expect(201).json["status"], "captured");
    let calls = processor.seen("/processor/charges");
    let charges = calls
        .iter()
        .filter(|request| request.method == "POST")
        .count();
    assert_eq!(
        (calls.len(), charges),
        (2, 1),
        "the retry must look the charge up and not charge again"
    );
}

#[test]
fn without_a_processor_the_response_is_503_and_the_log_has_the_cause() {
    let shop = start(&unreachable_url());
    let answer = pay(&shop, Uuid::now_v7()).refused(503, "unavailable");
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    let line = shop.wait_for_line("the cause", |line| line["code"] == "unavailable");
    assert!(
        line["cause"]
            .as_str()
            .unwrap()
            .contains("ConnectionRefused"),
        "{line}"
    );
    assert_eq!(payments(&shop)[0]["status"], "pending");
}

#[test]
fn concurrent_first_requests_all_get_an_empty_list() {
    let shop = start(&unreachable_url());
    for found in at_once(16, |_| payments(&shop)) {
        assert_eq!(found, Vec::<Value>::new());
    }
}

#[test]
fn methods_and_bodies_that_no_route_accepts_are_refused() {
    let shop = start(&unreachable_url());
    let client = shop.operator();
    let answer = client
        .delete("/payments")
        .send()
        .refused(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, POST"));
    let _ = client.request("HEAD", "/payments").send().expect(200);
    let long = client.post("/payments").body(vec![b' '; 300_000]);
    let _ = long.send().refused(413, "body_too_large");
}
