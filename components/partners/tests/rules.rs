//! The third parties' routes over a real SQLite: what the shop sees, and what the books say afterwards.
//!
//! Long, because five parties are shown here over one small street.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test cannot read fails it"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use partners::config::Config;
use partners::http::App;
use partners::store::SCHEMA;
use serde_json::{Value, json};
use stoa_service::Service;
use stoa_service::outbound::CallError;
use stoa_service::testing::{FakeOutbound, TestDatabase, reply, request};

struct Street {
    database: TestDatabase,
    shop: Arc<FakeOutbound>,
}

impl Street {
    fn new() -> Self {
        Self::beside(FakeOutbound::none())
    }

    /// With a shop that gets the carrier's reports.
    fn beside(shop: FakeOutbound) -> Self {
        let database = TestDatabase::new();
        SCHEMA.ensure(&database.connect()).unwrap();
        Self {
            database,
            shop: Arc::new(shop),
        }
    }

    fn call(&self, method: Method, uri: &str, key: &str, body: &Value) -> (u16, Value) {
        let app = App {
            config: Config {
                webhook_url: "http://shop.test".to_owned(),
                carrier_secret: "s3cret".to_owned(),
            },
            db: Box::new(self.database.connect()),
            outbound: Box::new(self.shop.clone()),
        };
        let mut headers = vec![];
        if !key.is_empty() {
            headers.push(("idempotency-key", key));
        }
        let request = request(App::NAME, method, uri, &headers, &body.to_string());
        let response = app.answer(request);
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        (response.status().as_u16(), body)
    }

    fn get(&self, uri: &str) -> (u16, Value) {
        self.call(Method::GET, uri, "", &Value::Null)
    }

    fn post(&self, uri: &str, key: &str, body: &Value) -> (u16, Value) {
        self.call(Method::POST, uri, key, body)
    }

    fn charge(&self, reference: &str, token: &str) -> (u16, Value) {
        self.post("/processor/charges", reference, &charge(reference, token))
    }

    fn refund(&self, reference: &str) -> (u16, Value) {
        let key = format!("refund-{reference}");
        self.post("/processor/refunds", &key, &json!({"reference": reference}))
    }

    fn script(&self, partner: &str, script: Value) -> (u16, Value) {
        self.call(Method::PUT, &format!("/script/{partner}"), "", &script)
    }

    fn ledger(&self, reference: &str) -> Vec<String> {
        let (_, page) = self.get(&format!("/processor/ledger?reference={reference}"));
        let entries = page["items"].as_array().unwrap();
        entries
            .iter()
            .map(|e| e["kind"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn charge(reference: &str, token: &str) -> Value {
    json!({"reference": reference, "amount": {"amount": 1999, "currency": "EUR"}, "card_token": token})
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_default())
}

#[test]
fn charges_a_reference_once_and_gives_the_first_result_again() {
    let street = Street::new();
    let first = street.charge("r1", "tok_visa");
    assert_eq!(
        (first.0, first.1["status"].as_str()),
        (201, Some("captured"))
    );
    assert_eq!(street.charge("r1", "tok_visa"), first);
    let other_key = street.post("/processor/charges", "k2", &charge("r1", "tok_declined"));
    assert_eq!(other_key, first);
    let mut other_amount = charge("r1", "tok_visa");
    other_amount["amount"]["amount"] = json!(1);
    let differs = street.post("/processor/charges", "k3", &other_amount);
    assert_eq!(code(&differs), (409, "reference_differs"));
    assert_eq!(street.ledger("r1"), ["capture"]);
    let (_, found) = street.get("/processor/charges?reference=r1");
    assert_eq!(found["items"], json!([first.1]));
}

#[test]
fn declines_and_fails_as_the_token_says() {
    let street = Street::new();
    for (token, reason) in [
        ("tok_declined", "insufficient_funds"),
        ("tok_x", "invalid_token"),
    ] {
        for _ in 0..2 {
            let answer = street.charge(token, token);
            assert_eq!(code(&answer), (402, "card_declined"));
            assert_eq!(answer.1["decline_code"], reason);
        }
        assert_eq!(code(&street.refund(token)), (409, "charge_declined"));
        assert_eq!(street.ledger(token), ["decline"]);
    }
    assert_eq!(street.charge("r", "tok_error").0, 500);
    assert!(street.ledger("r").is_empty());
    let (_, found) = street.get("/processor/charges?reference=r");
    assert_eq!(found["items"], json!([]));
}

#[test]
fn refunds_once_and_closes_what_was_never_charged() {
    let street = Street::new();
    street.charge("paid", "tok_mastercard");
    for _ in 0..3 {
        let answer = json!({"reference": "paid", "status": "refunded"});
        assert_eq!(street.refund("paid"), (200, answer));
        let answer = json!({"reference": "never", "status": "voided"});
        assert_eq!(street.refund("never"), (200, answer));
    }
    assert_eq!(
        code(&street.charge("never", "tok_visa")),
        (409, "reference_voided")
    );
    assert_eq!(street.ledger("paid"), ["capture", "refund"]);
    assert_eq!(street.ledger("never"), ["void"]);
}

#[test]
fn a_key_of_another_request_is_refused_and_nothing_is_done() {
    let street = Street::new();
    street.charge("r1", "tok_visa");
    let answer = street.post("/processor/charges", "r1", &charge("r2", "tok_visa"));
    assert_eq!(code(&answer), (422, "idempotency_key_reused"));
    assert!(street.ledger("r2").is_empty());
    assert_eq!(
        street
            .post("/processor/charges", "", &charge("r2", "tok_visa"))
            .0,
        400
    );
}

#[test]
fn the_ledger_comes_in_pages_of_everything_in_order() {
    let street = Street::new();
    let references: Vec<_> = (0..7).map(|n| format!("r{n}")).collect();
    for reference in &references {
        street.charge(reference, "tok_visa");
    }
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let (status, page) = street.get(&format!("/processor/ledger?limit=3{token}"));
        assert_eq!(status, 200);
        for entry in page["items"].as_array().unwrap() {
            assert_eq!(entry["amount"]["amount"], 1999);
            seen.push(entry["reference"].as_str().unwrap().to_owned());
        }
        match page["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => break,
        }
    }
    assert_eq!(seen, references);
}

#[test]
fn the_carriers_book_has_every_parcel_in_pages_even_while_it_is_scripted_to_fail() {
    let street = Street::new();
    for n in 0..5 {
        let reference = format!("r{n}");
        let (status, _) = street.post("/carrier/shipments", &reference, &parcel(&reference, "AT"));
        assert_eq!(status, 201);
    }
    street.script("carrier", json!({"mode": "error", "status": 503}));
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let (status, page) = street.get(&format!("/carrier/book?limit=2{token}"));
        assert_eq!(status, 200, "{page}");
        for parcel in page["items"].as_array().unwrap() {
            assert_eq!(parcel["status"], "created");
            seen.push(parcel["reference"].as_str().unwrap().to_owned());
        }
        match page["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["r0", "r1", "r2", "r3", "r4"]);
}

#[test]
fn plays_what_it_is_scripted_to() {
    let street = Street::new();
    street.script("processor", json!({"mode": "error", "status": 500}));
    assert_eq!(code(&street.charge("r1", "tok_visa")), (500, "scripted"));
    assert_eq!(street.get("/processor/charges?reference=r1").0, 500);
    assert!(
        street.ledger("r1").is_empty(),
        "the books stay open to read"
    );

    street.script("processor", json!({"mode": "lost_response", "status": 504}));
    assert_eq!(street.charge("r1", "tok_visa").0, 504);
    assert_eq!(street.ledger("r1"), ["capture"]);

    street.script("processor", json!({"mode": "slow", "delay_ms": 60}));
    let start = Instant::now();
    assert_eq!(street.charge("r2", "tok_visa").0, 201);
    assert!(start.elapsed() >= Duration::from_millis(60));

    assert_eq!(
        street
            .call(Method::DELETE, "/script/processor", "", &Value::Null)
            .0,
        204
    );
    assert_eq!(street.charge("r3", "tok_visa").0, 201);
    assert_eq!(
        street.get("/pim/products/COF-001").0,
        200,
        "nobody else was scripted"
    );
}

#[test]
fn a_script_for_the_next_few_is_used_up_exactly_even_at_once() {
    let street = Street::new();
    street.script("processor", json!({"mode": "error", "remaining": 4}));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|n| {
                let street = &street;
                scope.spawn(move || street.charge(&format!("r{n}"), "tok_visa").0)
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let count = |wanted: u16| statuses.iter().filter(|s| **s == wanted).count();
    assert_eq!((count(503), count(201)), (4, 8));
    let (_, scripts) = street.get("/script");
    let processor = json!({"partner": "processor", "mode": "error", "status": 503, "delay_ms": 0, "remaining": 0});
    assert_eq!(scripts["items"][1], processor);
    assert_eq!(scripts["items"].as_array().unwrap().len(), 5);
}

#[test]
fn scripts_with_bad_values_are_refused() {
    let street = Street::new();
    for (script, word) in [
        (json!({"mode": "explode"}), "explode"),
        (json!({"mode": "error", "status": 200}), "status"),
        (json!({"mode": "error", "status": 600}), "status"),
        (json!({"mode": "slow", "delay_ms": 60_001}), "delay_ms"),
        (json!({"mode": "error", "remaining": -1}), "-1"),
        (json!({"mode": "error", "for": 1}), "for"),
    ] {
        let (status, problem) = street.script("processor", script.clone());
        assert_eq!(status, 422, "{script}");
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
    assert_eq!(street.script("bank", json!({"mode": "ok"})).0, 404);
    assert_eq!(street.charge("r1", "tok_visa").0, 201);
}

#[test]
fn takes_a_message_once_a_key_and_shows_it_to_whoever_asks() {
    let street = Street::new();
    let mail = json!({"to": "ann@example.com", "subject": "Hello", "body": "World"});
    let first = street.post("/courier/messages", "k1", &mail);
    assert_eq!(first.0, 202);
    assert_eq!(street.post("/courier/messages", "k1", &mail), first);
    assert_ne!(street.post("/courier/messages", "k2", &mail), first);
    let mut other = mail.clone();
    other["body"] = json!("x");
    assert_eq!(
        code(&street.post("/courier/messages", "k1", &other)),
        (422, "idempotency_key_reused")
    );
    assert_eq!(street.post("/courier/messages", "", &mail).0, 400);
    let (_, page) = street.get("/courier/messages?to=ann%40example.com");
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(page["items"][0]["subject"], "Hello");
    assert_eq!(page["items"][0]["message_id"], first.1["message_id"]);
    assert_eq!(street.get("/courier/messages?to=bob").1["items"], json!([]));

    let sms = json!({"to": "+436601234567", "body": "Hello"});
    for key in ["k1", "k1", ""] {
        assert_eq!(street.post("/sms/messages", key, &sms).0, 202);
    }
    let (_, page) = street.get("/sms/messages");
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    for (uri, body, word) in [
        ("/sms/messages", json!({"to": "0660", "body": "x"}), "to"),
        (
            "/sms/messages",
            json!({"to": "+436601234567", "body": ""}),
            "body",
        ),
        (
            "/courier/messages",
            json!({"to": "ann", "subject": "x", "body": "x"}),
            "to",
        ),
        (
            "/courier/messages",
            json!({"to": "a@b", "subject": "", "body": "x"}),
            "subject",
        ),
        (
            "/processor/charges",
            json!({"reference": "r", "amount": [1, "EUR"], "card_token": "tok_visa"}),
            "amount: ",
        ),
        (
            "/carrier/shipments",
            json!({"reference": "r", "address": ["Ann", "Main 1", "Graz", "8010", "AT"], "lines": []}),
            "address: ",
        ),
    ] {
        let (status, problem) = street.post(uri, "k9", &body);
        assert_eq!(status, 422);
        assert!(
            problem["detail"].as_str().unwrap().starts_with(word),
            "{problem}"
        );
    }
}

#[test]
fn the_pim_describes_every_product_of_the_catalogue() {
    let street = Street::new();
    let catalogue: Vec<Value> =
        serde_json::from_str(include_str!("../../product/catalogue.json")).unwrap();
    let mut described = BTreeSet::new();
    for product in &catalogue {
        let sku = product["sku"].as_str().unwrap();
        let (status, entry) = street.get(&format!("/pim/products/{sku}"));
        assert_eq!((status, entry["sku"].as_str()), (200, Some(sku)));
        let length = |v: &Value| v["description"].as_str().unwrap().len();
        assert!(length(&entry) > length(product));
        described.insert(entry["description"].to_string());
    }
    assert_eq!(described.len(), catalogue.len());
    assert_eq!(street.get("/pim/products/NOTHING").0, 404);
}

fn parcel(reference: &str, country: &str) -> Value {
    json!({"reference": reference, "lines": [{"sku": "COF-001", "quantity": 1}], "address": {"name": "Ann",
        "street": "Main 1", "city": "Graz", "postal_code": "8010", "country": country}})
}

#[test]
fn makes_one_parcel_a_reference_and_calls_it_off_until_it_is_picked_up() {
    let street = Street::beside(FakeOutbound::new(|_| {
        reply(200, json!({"status": "picked_up"}))
    }));
    let first = street.post("/carrier/shipments", "k1", &parcel("s1", "AT"));
    assert_eq!(
        (first.0, first.1["status"].as_str()),
        (201, Some("created"))
    );
    assert_eq!(
        street.post("/carrier/shipments", "k2", &parcel("s1", "AT")),
        first
    );
    assert_eq!(
        code(&street.post("/carrier/shipments", "k3", &parcel("s2", "XX"))),
        (422, "address_refused")
    );
    assert_eq!(
        street.get("/carrier/shipments?reference=s2").1["items"],
        json!([])
    );
    let uri = |what: &str| {
        let number = first.1["tracking_number"].as_str().unwrap();
        format!("/carrier/shipments/{number}/{what}")
    };
    assert_eq!(
        street
            .post(&uri("advance"), "", &json!({"status": "picked_up"}))
            .0,
        200
    );
    assert_eq!(
        code(&street.post(&uri("cancel"), "", &Value::Null)),
        (409, "handed_over")
    );

    let second = street.post("/carrier/shipments", "k4", &parcel("s4", "AT"));
    let number = second.1["tracking_number"].as_str().unwrap();
    for _ in 0..2 {
        let answer = street.post(
            &format!("/carrier/shipments/{number}/cancel"),
            "",
            &Value::Null,
        );
        assert_eq!(
            (answer.0, answer.1["status"].as_str()),
            (200, Some("cancelled"))
        );
    }
    let advance = format!("/carrier/shipments/{number}/advance");
    let answer = street.post(&advance, "", &json!({"status": "delivered"}));
    assert_eq!(code(&answer), (409, "parcel_cancelled"));
    assert_eq!(street.shop.calls().len(), 1);
}

#[test]
fn reports_each_move_signed_and_the_same_move_as_the_same_event() {
    let street = Street::beside(FakeOutbound::new(|call| {
        let event: Value = serde_json::from_slice(&call.body).unwrap();
        match event["status"].as_str() {
            Some("returned") => Err(CallError::Lost("the line is cut".to_owned())),
            _ => reply(418, json!({"shop": "says"})),
        }
    }));
    let created = street
        .post("/carrier/shipments", "k", &parcel("s1", "AT"))
        .1;
    let number = created["tracking_number"].as_str().unwrap();
    let advance = format!("/carrier/shipments/{number}/advance");
    for status in ["delivered", "delivered"] {
        let answer = street.post(&advance, "", &json!({"status": status}));
        assert_eq!(
            answer,
            (418, json!({"shop": "says"})),
            "what the shop answered"
        );
    }
    assert_eq!(
        street.post(&advance, "", &json!({"status": "returned"})).0,
        503
    );
    assert_eq!(
        street.post(&advance, "", &json!({"status": "created"})).0,
        422
    );
    let calls = street.shop.calls();
    let events: Vec<Value> = calls
        .iter()
        .map(|c| serde_json::from_slice(&c.body).unwrap())
        .collect();
    assert_eq!(events[0], events[1]);
    assert_ne!(events[0]["event_id"], events[2]["event_id"]);
    for call in &calls {
        assert_eq!(call.url, "http://shop.test/shipments/s1/events");
        let header = call.headers["x-carrier-signature"].to_str().unwrap();
        let (time, digest) = header
            .strip_prefix("t=")
            .unwrap()
            .split_once(",v1=")
            .unwrap();
        assert!(stoa_service::time::now() / 1000 - time.parse::<i64>().unwrap() < 60);
        let signed = [time.as_bytes(), b".", &call.body].concat();
        assert_eq!(digest, hmac_by_hand(b"s3cret", &signed));
    }
}

/// HMAC as RFC 2104 writes it down, out of nothing but the hash.
fn hmac_by_hand(key: &[u8], message: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let with = |pad: u8| block.map(|b| b ^ pad);
    let inner = Sha256::new_with_prefix(with(0x36))
        .chain_update(message)
        .finalize();
    let outer = Sha256::new_with_prefix(with(0x5c))
        .chain_update(inner)
        .finalize();
    outer.iter().map(|b| format!("{b:02x}")).collect()
}
