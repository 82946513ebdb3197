//! Tests of both releases of the built component `product` over HTTP. Stubs replace the PIM and the other services.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_testkit::{
    REQUEST_ID, Shop, ShopOptions, Stub, StubResponse, TRACE_ID, at_once, unreachable_url,
};
use uuid::Uuid;

fn options() -> ShopOptions {
    let unreachable = unreachable_url();
    let options = ShopOptions::only(&["product"]);
    ["pim_url", "order_url", "inventory_url", "user_url"]
        .iter()
        .fold(options, |options, name| {
            options.variable(name, unreachable.clone())
        })
}

fn list(shop: &Shop) -> Value {
    shop.gateway()
        .get("/product?limit=100")
        .send()
        .expect(200)
        .json
}

fn buy(shop: &Shop, issuer: &Issuer) -> stoa_testkit::Request {
    let request = shop.gateway().post("/product/COF-001/buy").traced();
    let address = json!({"name": "Ann", "street": "1 Main Street", "city": "Utrecht", "postal_code": "3511 AA", "country": "NL"});
    request
        .bearer(&issuer.token(Uuid::now_v7(), 60))
        .header("idempotency-key", "key-1")
        .json(&json!({"quantity": 2, "shipping_address": address,
            "payment": {"method": "card", "card_token": "tok_visa"}}))
}

#[test]
fn concurrent_first_requests_find_the_same_catalogue() {
    let shop = Shop::start(options());
    let answers = at_once(16, |_| list(&shop));
    assert!(answers[0]["items"].as_array().unwrap().len() >= 60);
    assert!(answers.iter().all(|a| *a == answers[0]));
}

#[test]
fn the_call_to_the_pim_carries_the_trace_and_its_texts_are_stored() {
    let pim = Stub::start(|_| StubResponse::json(200, json!({"description": "From the PIM."})));
    let mut shop = Shop::start(options().variable("pim_url", pim.url()));
    let show_product = |shop: &Shop| {
        shop.gateway()
            .get("/product/COF-001")
            .traced()
            .send()
            .expect(200)
    };
    assert_eq!(show_product(&shop).json["description"], "From the PIM.");
    shop.restart();
    assert_eq!(show_product(&shop).json["description"], "From the PIM.");
    let calls = pim.seen("/pim/products/COF-001");
    assert_eq!(calls.len(), 1);
    calls[0].assert_traced();
}

#[test]
fn a_silent_pim_causes_one_short_wait_and_one_log_line() {
    let pim = Stub::start(|_| StubResponse::Silence);
    let shop = Shop::start(options().variable("pim_url", pim.url()));
    let begun = Instant::now();
    for sku in ["COF-001", "COF-002", "COF-003"] {
        let product = shop.gateway().get(&format!("/product/{sku}")).traced();
        assert!(product.send().expect(200).json["description"].is_string());
    }
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(pim.seen("/").len(), 1);
    let line = shop.wait_for_line("the PIM's silence", |line| line["level"] == "warn");
    assert_eq!(
        (&line["request_id"], &line["trace_id"]),
        (&json!(REQUEST_ID), &json!(TRACE_ID))
    );
}

#[test]
fn a_purchase_is_forwarded_to_order_with_the_callers_token() {
    let issuer = Issuer::new("k1", 1);
    let jwks = issuer.jwks();
    let shop = Stub::start(move |request| match request.path.as_str() {
        "/user/jwks" => StubResponse::json(200, jwks.clone()),
        _ => StubResponse::problem(409, "insufficient_stock"),
    });
    let order = shop.clone();
    let shop = Shop::start(
        options()
            .variable("order_url", shop.url())
            .variable("user_url", shop.url()),
    );
    let _ = buy(&shop, &issuer)
        .send()
        .refused(409, "insufficient_stock");
    let calls = order.seen("/order");
    assert_eq!(calls.len(), 1);
    calls[0].assert_traced();
    assert_eq!(calls[0].header("idempotency-key"), Some("key-1"));
    assert!(
        calls[0]
            .header("authorization")
            .unwrap()
            .starts_with("Bearer ey")
    );
    assert_eq!(
        calls[0].json["items"],
        json!([{"sku": "COF-001", "quantity": 2}])
    );
    order.seen("/user/jwks")[0].assert_traced();
}

#[test]
fn a_purchase_without_order_or_user_is_503_and_the_log_has_the_cause() {
    let issuer = Issuer::new("k1", 1);
    let shop = Shop::start(options());
    let _ = buy(&shop, &issuer).send().refused(503, "unavailable");
    let line = shop.wait_for_line("the cause", |line| line["code"] == "unavailable");
    assert!(
        line["cause"]
            .as_str()
            .unwrap()
            .contains("ConnectionRefused"),
        "{line}"
    );

    let jwks = issuer.jwks();
    let user = Stub::start(move |_| StubResponse::json(200, jwks.clone()));
    let shop = Shop::start(options().variable("user_url", user.url()));
    let answer = buy(&shop, &issuer).send().refused(503, "unavailable");
    assert!(
        answer.json["detail"].as_str().unwrap().contains("order"),
        "{}",
        answer.text()
    );
}

#[test]
fn every_response_names_its_release_even_an_error() {
    for (options, version) in [(options(), "v1"), (options().canary(), "v2")] {
        let shop = Shop::start(options.variable("pim_ttl_seconds", "60"));
        let client = shop.operator();
        let long = client
            .post("/product/COF-001/buy")
            .body(vec![b' '; 300_000]);
        let deleted = client.delete("/product").send();
        assert_eq!(deleted.header("allow"), Some("GET"));
        for (answer, status) in [
            (client.get("/product?limit=1").send(), 200),
            (client.request("HEAD", "/product").send(), 200),
            (client.get("/product/NOPE").send(), 404),
            (deleted, 405),
            (long.send(), 413),
        ] {
            assert_eq!(
                answer.expect(status).header("x-shop-version"),
                Some(version)
            );
        }
    }
    let shop = Shop::start(options().canary().variable("pim_ttl_seconds", "soon"));
    let answer = shop
        .gateway()
        .get("/product")
        .send()
        .refused(500, "misconfigured");
    assert_eq!(answer.header("x-shop-version"), Some("v2"));
    assert!(!answer.text().contains("soon"), "{}", answer.text());
    shop.wait_for_line("the cause", |line| {
        line["cause"].as_str().is_some_and(|c| c.contains("`soon`"))
    });
}

#[test]
fn v2_reads_the_data_of_v1_and_adds_available_units() {
    let mut v1 = Shop::start(options());
    let before = list(&v1);
    assert!(before["items"][0].get("available").is_none());
    v1.stop();

    let inventory = Stub::start(|_| {
        StubResponse::json(
            200,
            json!({"items": [{"sku": "COF-001", "on_hand": 9, "reserved": 2, "available": 7}], "next_page_token": null}),
        )
    });
    let v2 = options()
        .canary()
        .variable("inventory_url", inventory.url());
    let v2 = Shop::start(v2.with_data_of(&v1));
    let mut after = v2
        .gateway()
        .get("/product?limit=100")
        .traced()
        .send()
        .expect(200)
        .json;
    for item in after["items"].as_array_mut().unwrap() {
        let available = item.as_object_mut().unwrap().remove("available").unwrap();
        assert_eq!(available, if item["sku"] == "COF-001" { 7 } else { 0 });
    }
    assert_eq!(after["items"], before["items"]);
    let calls = inventory.seen("/items?sku=");
    assert_eq!(calls.len(), 1, "one call must serve the whole page");
    calls[0].assert_traced();
}

#[test]
fn v2_reports_null_as_available_while_inventory_is_silent() {
    let inventory = Stub::start(|_| StubResponse::Silence);
    let shop = Shop::start(
        options()
            .canary()
            .variable("inventory_url", inventory.url()),
    );
    let product = shop
        .gateway()
        .get("/product/COF-001")
        .send()
        .expect(200)
        .json;
    assert_eq!(product.get("available"), Some(&Value::Null));
    shop.wait_for_line("the silence", |line| {
        line["level"] == "warn"
            && line["msg"]
                .as_str()
                .is_some_and(|m| m.contains("inventory"))
    });
}
