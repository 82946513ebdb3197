//! The same request fifty times concurrently.
use serde_json::{Value, json};
use stoa_testkit::{Answer, Client, ShopOptions};

use crate::crowd::{Crowd, body};
use crate::customer::{self, Operator, text};

const TIMES: usize = 50;
const SKU: &str = "KIT-004";

/// Sends the same request concurrently and retries while the first one is in progress; returns the response, which all share.
fn submit(
    crowd: &Crowd,
    client: &Client,
    path: &str,
    token: &str,
    key: &str,
    body: &Value,
) -> Answer {
    let mut answers: Vec<_> = std::thread::scope(|scope| {
        let submits: Vec<_> = (0..TIMES)
            .map(|_| scope.spawn(|| crowd.ask(client, path, token, key, body)))
            .collect();
        submits.into_iter().map(|s| s.join().unwrap()).collect()
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
        "{path}: {TIMES} times at once, {} equal answers",
        answers.len() + 1
    );
    first
}

/// The same key with another body is rejected, and changes nothing.
fn refuses(crowd: &Crowd, client: &Client, path: &str, token: &str, key: &str, body: &Value) {
    let answer = crowd.ask(client, path, token, key, body).expect(422);
    assert_eq!(answer.json["code"], "idempotency_key_reused", "{path}");
}

/// Number of the carrier's parcels for a shipment.
fn parcels(operator: &Operator, shipment_id: &str) -> usize {
    operator
        .all(&format!("/carrier/shipments?reference={shipment_id}"))
        .len()
}

#[test]
fn fifty_submits_of_an_order_are_one_order_one_charge_and_fifty_equal_answers() {
    let (shop, crowd) = Crowd::start(ShopOptions::checked(), TIMES + 50);
    let operator = Operator::of(&shop);
    operator.set_stock(SKU, 50);
    let (token, key) = (crowd.token(), customer::key());
    let order = submit(&crowd, shop.gateway(), "/order", &token, &key, &body(SKU)).json;
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
    refuses(
        &crowd,
        shop.gateway(),
        "/order",
        &token,
        &key,
        &body("COF-001"),
    );
    // The same key from another user is a different key.
    let other = crowd.ask(shop.gateway(), "/order", &crowd.token(), &key, &body(SKU));
    assert_ne!(
        text(&other.expect(201).json, "order_id"),
        text(&order, "order_id")
    );
}

#[test]
fn fifty_submits_inside_the_mesh_are_one_reservation_one_payment_and_one_shipment() {
    let (shop, crowd) = Crowd::start(ShopOptions::checked(), TIMES + 50);
    let operator = Operator::of(&shop);
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
        let _ = submit(&crowd, inside, path, "", &key, body);
        refuses(&crowd, inside, path, "", &key, other);
    }
    assert_eq!(operator.stock(SKU), (50, 2, 48));
    assert_eq!(operator.ledger().len(), 1);
    for (path, _, _) in &requests {
        let of_order: Vec<_> = operator
            .list(path)
            .into_iter()
            .filter(|one| one["order_id"] == order_id)
            .collect();
        assert_eq!(of_order.len(), 1, "{path}");
        if *path == "/shipments" {
            assert_eq!(parcels(&operator, &text(&of_order[0], "shipment_id")), 1);
        }
    }
}
