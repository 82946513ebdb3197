//! Tests of the built component `inventory` over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use stoa_testkit::{Answer, Shop, ShopOptions, at_once, wait_until};
use uuid::Uuid;

const SKU: &str = "COF-001";

fn options() -> ShopOptions {
    ShopOptions::only(&["inventory"])
}

fn set_stock(shop: &Shop, on_hand: u32) {
    let item = shop.operator().put(&format!("/items/{SKU}"));
    let item = item.header("if-match", "*");
    let _ = item.json(&json!({"on_hand": on_hand})).send().expect(200);
}

fn item(shop: &Shop) -> Value {
    shop.operator()
        .get(&format!("/items/{SKU}"))
        .send()
        .expect(200)
        .json
}

fn reserve(shop: &Shop, order_id: Uuid) -> Answer {
    let body = json!({"order_id": order_id, "lines": [{"sku": SKU, "quantity": 1}]});
    let request = shop.operator().post("/reservations");
    let request = request.header("idempotency-key", &order_id.to_string());
    request.json(&body).send()
}

#[test]
fn concurrent_first_requests_find_a_shop_that_was_filled_once() {
    let shop = Shop::start(options());
    let answers = at_once(16, |_| {
        shop.operator()
            .get("/items?limit=100")
            .send()
            .expect(200)
            .json
    });
    assert!(answers[0]["items"].as_array().unwrap().len() >= 60);
    assert!(answers.iter().all(|a| *a == answers[0]));
}

#[test]
fn of_twenty_concurrent_orders_for_the_last_five_units_five_succeed() {
    let shop = Shop::start(options());
    set_stock(&shop, 5);
    let answers = at_once(20, |_| reserve(&shop, Uuid::now_v7()));
    let succeeded = answers.iter().filter(|a| a.status == 201).count();
    for answer in answers.into_iter().filter(|a| a.status != 201) {
        let _ = answer.refused(409, "insufficient_stock");
    }
    assert_eq!(succeeded, 5);
    let remaining = item(&shop);
    assert_eq!(
        (&remaining["reserved"], &remaining["available"]),
        (&json!(5), &json!(0))
    );
}

#[test]
fn stock_and_reservations_survive_a_crash() {
    let mut shop = Shop::start(options());
    set_stock(&shop, 9);
    let order_id = Uuid::now_v7();
    let first = reserve(&shop, order_id).expect(201);
    shop.kill();
    shop.restart();
    assert_eq!(item(&shop)["available"], 8);
    assert_eq!(reserve(&shop, order_id).expect(201).json, first.json);
    let path = format!("/reservations/{order_id}/commit");
    let _ = shop.operator().post(&path).send().expect(200);
    assert_eq!(item(&shop)["on_hand"], 8);
}

#[test]
fn a_reservation_expires_after_its_ttl_without_a_request() {
    let shop = Shop::start(options().variable("reservation_ttl_seconds", "1"));
    set_stock(&shop, 1);
    let _ = reserve(&shop, Uuid::now_v7()).expect(201);
    assert_eq!(item(&shop)["available"], 0);
    wait_until(Duration::from_secs(20), "the reservation's expiry", || {
        item(&shop)["available"] == 1
    });
}

#[test]
fn a_bad_setting_is_500_and_only_the_log_has_the_cause() {
    let shop = Shop::start(options().variable("reservation_ttl_seconds", "0"));
    let answer = shop
        .operator()
        .get("/items")
        .send()
        .refused(500, "misconfigured");
    assert!(!answer.text().contains("ttl"), "{}", answer.text());
    let line = shop.wait_for_line("the cause", |line| line["code"] == "misconfigured");
    assert!(
        line["cause"]
            .as_str()
            .unwrap()
            .contains("reservation_ttl_seconds"),
        "{line}"
    );
}

#[test]
fn methods_and_bodies_that_no_route_accepts_are_refused() {
    let shop = Shop::start(options());
    let client = shop.operator();
    let path = format!("/items/{SKU}");
    let answer = client.post(&path).send().refused(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, PUT"));
    let _ = client.request("HEAD", &path).send().expect(200);
    let long = client
        .put(&path)
        .json(&json!({"on_hand": "1".repeat(300_000)}));
    let _ = long.send().refused(413, "body_too_large");
}
