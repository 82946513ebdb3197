//! Sends the same request fifty times at once.
use serde_json::{Value, json};
use stoa_testkit::{Answer, Client, ShopOptions};

use crate::crowd::{Crowd, body};
use crate::customer::{self, Operator, text};

/// Number of concurrent requests with the same idempotency key.
const REPEATS: usize = 50;
const SKU: &str = "KIT-004";

/// Sends the same request several times at once, and retries while the first request is in progress. Checks that all responses are
/// equal, and returns the response.
fn submit_at_once(
    crowd: &Crowd,
    client: &Client,
    path: &str,
    token: &str,
    key: &str,
    body: &Value,
) -> Answer {
    let mut answers: Vec<_> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..REPEATS)
            .map(|_| scope.spawn(|| crowd.send_until_definite(client, path, token, key, body)))
            .collect();
        requests.into_iter().map(|r| r.join().unwrap()).collect()
    });
    let first = answers.pop().unwrap();
    for answer in &answers {
        assert_eq!(
            (answer.status, answer.text()),
            (first.status, first.text()),
            "{path}"
        );
    }
    assert_eq!(first.status, 201, "{path}: {}", first.text());
    println!(
        "{path}: {REPEATS} requests at once, {} equal responses",
        answers.len() + 1
    );
    first
}

/// Asserts that a request with the same key and a different body is rejected.
fn assert_key_reused(
    crowd: &Crowd,
    client: &Client,
    path: &str,
    token: &str,
    key: &str,
    body: &Value,
) {
    let answer = crowd
        .send_until_definite(client, path, token, key, body)
        .expect(422);
    assert_eq!(answer.json["code"], "idempotency_key_reused", "{path}");
}

/// Number of the carrier's parcels for a shipment.
fn parcels(operator: &Operator, shipment_id: &str) -> usize {
    operator
        .list_unpaged(&format!("/carrier/shipments?reference={shipment_id}"))
        .len()
}

#[test]
fn fifty_requests_with_one_key_make_one_order_and_one_charge_and_get_equal_responses() {
    let (shop, crowd) = Crowd::start(ShopOptions::checked(), REPEATS + 50);
    let operator = Operator::of_shop(&shop);
    operator.set_stock(SKU, 50);
    let (token, key) = (crowd.token(), customer::key());
    let order = submit_at_once(&crowd, shop.gateway(), "/order", &token, &key, &body(SKU)).json;
    assert_eq!(
        operator.ledger_of(&text(&order["payment"], "payment_id")),
        ["capture"]
    );
    assert_eq!(operator.ledger().len(), 1);
    assert_eq!(
        parcels(&operator, &text(&order["shipment"], "shipment_id")),
        1
    );
    assert_eq!(operator.stock(SKU), (49, 0, 49));
    let mine = shop
        .gateway()
        .get("/order")
        .bearer(&token)
        .send()
        .expect(200);
    assert_eq!(customer::items(&mine.json).len(), 1);
    assert_key_reused(
        &crowd,
        shop.gateway(),
        "/order",
        &token,
        &key,
        &body("COF-001"),
    );
    // The idempotency key of another user is a different key, even if its text is the same.
    let other = crowd.buy(shop.gateway(), &crowd.token(), &key, SKU);
    assert_ne!(
        text(&other.expect(201).json, "order_id"),
        text(&order, "order_id")
    );
}

#[test]
fn fifty_internal_requests_with_one_key_make_one_reservation_one_payment_and_one_shipment() {
    let (shop, crowd) = Crowd::start(ShopOptions::checked(), REPEATS + 50);
    let operator = Operator::of_shop(&shop);
    operator.set_stock(SKU, 50);
    let (inside, order_id) = (shop.operator(), customer::key());
    let lines = |quantity: u32| json!([{"sku": SKU, "quantity": quantity}]);
    let payment = |amount: u32| {
        let mut body = customer::card("tok_visa");
        body["order_id"] = json!(order_id);
        body["amount"] = json!({"amount": amount, "currency": "EUR"});
        body
    };
    let requests = [
        (
            "/reservations",
            json!({"order_id": order_id, "lines": lines(2)}),
            json!({"order_id": order_id, "lines": lines(3)}),
        ),
        ("/payments", payment(1999), payment(2000)),
        (
            "/shipments",
            json!({"order_id": order_id, "address": customer::address(), "lines": lines(2)}),
            json!({"order_id": order_id, "address": customer::address(), "lines": lines(3)}),
        ),
    ];
    for (path, body, other) in &requests {
        let key = customer::key();
        let _ = submit_at_once(&crowd, inside, path, "", &key, body);
        assert_key_reused(&crowd, inside, path, "", &key, other);
    }
    assert_eq!(operator.stock(SKU), (50, 2, 48));
    assert_eq!(operator.ledger().len(), 1);
    for (path, _, _) in &requests {
        let of_order: Vec<_> = operator
            .list(path)
            .into_iter()
            .filter(|record| record["order_id"] == order_id)
            .collect();
        assert_eq!(of_order.len(), 1, "{path}");
        if *path == "/shipments" {
            assert_eq!(parcels(&operator, &text(&of_order[0], "shipment_id")), 1);
        }
    }
}
