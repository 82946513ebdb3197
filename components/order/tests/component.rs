//! Tests the built component `order` over HTTP, with the component `pricing` composed into it. A stub replaces all other services.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an unexpected value must fail the test"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_testkit::{
    Answer, REQUEST_ID, Shop, ShopOptions, Stub, StubRequest, StubResponse, at_once,
    unreachable_url, wait_until,
};
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(20);
const TRACKING: &str = "TRK0001";

/// A stub that replaces all seven services that `order` calls, at one address.
struct Neighbours {
    stub: Stub,
    token: String,
}

impl Neighbours {
    fn new() -> Self {
        Self::with_exceptions(|_| None)
    }

    /// A stub that sends, for each request, the response that `play` returns. If `play` returns none, the stub answers as the real
    /// services do if nothing fails.
    fn with_exceptions(
        play: impl Fn(&StubRequest) -> Option<StubResponse> + Send + Sync + 'static,
    ) -> Self {
        let issuer = Issuer::new("k1", 1);
        let (jwks, payment_id, shipment_id) = (issuer.jwks(), Uuid::now_v7(), Uuid::now_v7());
        let stub = Stub::start(move |seen| {
            if let Some(play) = play(seen) {
                return play;
            }
            let payment = json!({"payment_id": payment_id, "status": "captured"});
            let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
            let shipment = |order_id: Value| json!({"order_id": order_id, "shipment_id": shipment_id, "tracking_number": TRACKING, "status": "created"});
            match (seen.method.as_str(), path) {
                ("GET", "/user/jwks") => StubResponse::json(200, jwks.clone()),
                ("GET", "/user/me") => StubResponse::json(
                    200,
                    json!({"email": "ann@example.com", "name": "Ann", "phone": "+31612345678"}),
                ),
                ("GET", "/product") => StubResponse::json(
                    200,
                    json!({"items": [
                    {"sku": "COF-001", "name": "Coffee", "price": {"amount": 1250, "currency": "EUR"}}]}),
                ),
                ("GET", "/payments") => StubResponse::json(200, json!({"items": [payment]})),
                ("POST", "/payments") => StubResponse::json(201, payment),
                ("GET", "/shipments") => {
                    let order_ids = query.strip_prefix("order_id=").unwrap().split(',');
                    let items: Vec<_> = order_ids.map(|id| shipment(json!(id))).collect();
                    StubResponse::json(200, json!({"items": items}))
                }
                ("POST", "/shipments") => {
                    StubResponse::json(201, shipment(seen.json["order_id"].clone()))
                }
                ("POST", "/events") => StubResponse::json(202, json!({"status": "accepted"})),
                ("POST", "/reservations") => StubResponse::json(201, json!({})),
                ("POST" | "DELETE", path) if path.starts_with("/reservations/") => {
                    StubResponse::json(200, json!({}))
                }
                _ => StubResponse::problem(404, "not_found"),
            }
        });
        let token = issuer.token(Uuid::now_v7(), 600);
        Self { stub, token }
    }

    fn options(&self) -> ShopOptions {
        [
            "product",
            "cart",
            "payment",
            "user",
            "inventory",
            "shipping",
            "notification",
        ]
        .iter()
        .fold(ShopOptions::only(&["order"]), |options, name| {
            options.variable(&format!("{name}_url"), self.stub.url())
        })
    }

    fn order(&self, shop: &Shop, key: &str) -> Answer {
        let address = json!({"name": "Ann", "street": "1 Main Street", "city": "Utrecht", "postal_code": "3511 AA", "country": "NL"});
        let body = json!({"shipping_address": address, "items": [{"sku": "COF-001", "quantity": 3}],
            "payment": {"method": "card", "card_token": "tok_visa"}});
        let request = shop.gateway().post("/order").bearer(&self.token).traced();
        request.header("idempotency-key", key).json(&body).send()
    }

    fn orders(&self, shop: &Shop) -> Vec<Value> {
        let list = shop.gateway().get("/order").bearer(&self.token).send();
        list.expect(200).json["items"].as_array().unwrap().clone()
    }

    /// The calls that the stub received and that change data, except calls that send events.
    fn changes(&self) -> Vec<StubRequest> {
        let changes = |seen: &StubRequest| seen.method != "GET" && seen.path != "/events";
        self.stub.seen("/").into_iter().filter(changes).collect()
    }
}

#[test]
fn each_step_calls_its_service_on_behalf_of_the_request_with_its_own_key() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(neighbours.options());
    let order = neighbours.order(&shop, "key-1").expect(201).json;
    assert_eq!(
        order["total"],
        json!({"amount": 3750, "currency": "EUR"}),
        "the total must be the one that the component pricing computes"
    );
    assert_eq!(order["shipment"]["tracking_number"], TRACKING);
    let changes = neighbours.changes();
    let id = order["order_id"].as_str().unwrap();
    let steps: Vec<_> = changes.iter().map(|c| c.path.replace(id, "ID")).collect();
    assert_eq!(
        steps,
        [
            "/reservations",
            "/reservations/ID/extend",
            "/payments",
            "/reservations/ID/commit",
            "/shipments"
        ]
    );
    let keys: BTreeSet<_> = changes
        .iter()
        .map(|c| c.header("idempotency-key").unwrap())
        .collect();
    assert_eq!(keys.len(), changes.len(), "{keys:?}");
    for seen in neighbours.stub.seen("/") {
        seen.assert_traced();
    }
    assert!(!shop.log().contains("tok_visa"));
}

#[test]
fn the_event_is_sent_after_the_response_and_a_slow_receiver_does_not_delay_the_response() {
    let neighbours = Neighbours::with_exceptions(|seen| {
        (seen.path == "/events").then_some(StubResponse::Silence)
    });
    let shop = Shop::start(neighbours.options());
    let begun = Instant::now();
    let order = neighbours.order(&shop, "key-1").expect(201).json;
    assert!(
        begun.elapsed() < stoa_service::outbound::DEFAULT_TIMEOUT,
        "{:?}",
        begun.elapsed()
    );
    let events = || neighbours.stub.seen("/events");
    wait_until(SOON, "the event", || !events().is_empty());
    let event = events().remove(0);
    assert_eq!(event.json["type"], "stoa.order.confirmed");
    assert_eq!(event.json["data"]["order_id"], order["order_id"]);
    event.assert_traced();
}

#[test]
fn while_payment_is_down_an_order_is_cancelled_and_its_reservation_released() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(
        neighbours
            .options()
            .variable("payment_url", unreachable_url()),
    );
    let answer = neighbours.order(&shop, "key-1").refused(503, "unavailable");
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    let released = neighbours
        .changes()
        .into_iter()
        .filter(|c| c.method == "DELETE");
    assert_eq!(released.count(), 1);
    assert_eq!(neighbours.orders(&shop)[0]["status"], "cancelled");
    let line = shop.wait_for_line("the cause", |line| {
        line["service"] == "order" && line.to_string().contains("ConnectionRefused")
    });
    assert_eq!(line["request_id"], REQUEST_ID);
}

#[test]
fn concurrent_repeats_make_one_order_and_get_equal_responses() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(neighbours.options());
    let answers = at_once(12, |_| neighbours.order(&shop, "key-1"));
    for answer in &answers {
        assert_eq!((answer.status, &answer.json), (201, &answers[0].json));
    }
    assert_eq!(neighbours.stub.seen("/payments").len(), 1);
    assert_eq!(neighbours.orders(&shop).len(), 1);
}

#[test]
fn orders_and_the_responses_of_their_keys_survive_a_crash() {
    let neighbours = Neighbours::new();
    let mut shop = Shop::start(neighbours.options());
    let order = neighbours.order(&shop, "key-1").expect(201).json;
    shop.kill();
    shop.restart();
    assert_eq!(neighbours.orders(&shop), std::slice::from_ref(&order));
    assert_eq!(neighbours.order(&shop, "key-1").expect(201).json, order);
    assert_eq!(neighbours.stub.seen("/payments").len(), 1);
}

#[test]
fn the_order_of_an_instance_that_dies_stays_pending_until_its_lease_expires() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(neighbours.options().variable("fail_at", "charging:after"));
    let _ = neighbours
        .order(&shop, "key-1")
        .refused(500, "component_failed");
    assert_eq!(neighbours.orders(&shop)[0]["status"], "pending");
    let recovered = shop
        .operator()
        .post("/internal/orders/recover")
        .send()
        .expect(200);
    assert_eq!(
        recovered.json["examined"], 0,
        "the order's lease has not expired, so recovery must skip the order"
    );
    let path = format!(
        "/order/{}/cancel",
        neighbours.orders(&shop)[0]["order_id"].as_str().unwrap()
    );
    let cancel = shop.gateway().post(&path).bearer(&neighbours.token).send();
    let cancel = cancel.refused(409, "order_in_progress");
    assert!(cancel.header("retry-after").is_some());
}

#[test]
fn a_lease_setting_shorter_than_a_request_gives_500_and_only_the_log_has_the_cause() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(neighbours.options().variable("order_lease_seconds", "5"));
    let answer = shop
        .gateway()
        .get("/order")
        .send()
        .refused(500, "misconfigured");
    assert!(!answer.text().contains("lease"), "{}", answer.text());
    let line = shop.wait_for_line("the cause", |line| line["code"] == "misconfigured");
    assert!(
        line["cause"]
            .as_str()
            .unwrap()
            .contains("order_lease_seconds: `5`"),
        "{line}"
    );
}

#[test]
fn unsupported_methods_and_too_large_bodies_are_rejected() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(neighbours.options());
    let client = shop.operator();
    let answer = client
        .put("/order")
        .send()
        .refused(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST, GET"));
    let head = client.request("HEAD", "/order").bearer(&neighbours.token);
    let _ = head.send().expect(200);
    let long = client.post("/order").body(vec![b' '; 300_000]);
    let _ = long.send().refused(413, "body_too_large");
}
