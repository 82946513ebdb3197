//! Tests the built component `cart` over HTTP, with the component `pricing` composed into it. A stub replaces all other services.
#![expect(clippy::unwrap_used, reason = "an unexpected value must fail the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_testkit::{
    Answer, REQUEST_ID, Shop, ShopOptions, Stub, StubResponse, TRACE_ID, at_once, unreachable_url,
};
use uuid::Uuid;

struct Neighbours {
    stub: Stub,
    /// True if the stub does not respond to requests for the service `product`.
    silent: Arc<AtomicBool>,
    token: String,
}

impl Neighbours {
    fn new() -> Self {
        let issuer = Issuer::new("k1", 1);
        let (jwks, silent) = (issuer.jwks(), Arc::new(AtomicBool::new(false)));
        let silence = silent.clone();
        let stub = Stub::start(move |seen| match seen.path.split('?').next().unwrap() {
            "/user/jwks" => StubResponse::json(200, jwks.clone()),
            "/product" if silence.load(Ordering::SeqCst) => StubResponse::Silence,
            "/product" => StubResponse::json(
                200,
                json!({"next_page_token": null, "items": [
                {"sku": "COF-001", "name": "Coffee", "price": {"amount": 1250, "currency": "EUR"}}]}),
            ),
            "/items/COF-001" => StubResponse::json(
                200,
                json!({"sku": "COF-001", "on_hand": 9, "reserved": 2, "available": 7}),
            ),
            _ => StubResponse::problem(404, "not_found"),
        });
        let token = issuer.token(Uuid::now_v7(), 60);
        Self {
            stub,
            silent,
            token,
        }
    }

    fn options(&self) -> ShopOptions {
        ["product_url", "inventory_url", "user_url"]
            .iter()
            .fold(ShopOptions::only(&["cart"]), |o, name| {
                o.variable(name, self.stub.url())
            })
    }

    fn put(&self, shop: &Shop, quantity: u32) -> Answer {
        let put = shop
            .gateway()
            .put("/cart/items/COF-001")
            .bearer(&self.token);
        put.traced().json(&json!({"quantity": quantity})).send()
    }

    fn cart(&self, shop: &Shop) -> Value {
        shop.gateway()
            .get("/cart")
            .bearer(&self.token)
            .send()
            .expect(200)
            .json
    }
}

#[test]
fn calls_to_other_services_carry_the_trace_and_pricing_computes_the_totals() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(neighbours.options());
    let item = neighbours.put(&shop, 3).expect(200).json;
    assert_eq!(
        item["line_total"],
        json!({"amount": 3750, "currency": "EUR"})
    );
    assert_eq!(
        neighbours.cart(&shop)["total"],
        json!({"amount": 3750, "currency": "EUR"})
    );
    for path in ["/user/jwks", "/product?sku=COF-001", "/items/COF-001"] {
        neighbours.stub.seen(path)[0].assert_traced();
    }
    let _ = neighbours.put(&shop, 8).refused(409, "insufficient_stock");
}

#[test]
fn concurrent_first_requests_all_get_an_empty_cart() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(neighbours.options());
    for cart in at_once(16, |_| neighbours.cart(&shop)) {
        assert_eq!(cart["items"], json!([]));
    }
}

#[test]
fn while_inventory_is_down_no_item_is_added_and_the_log_has_the_cause() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(
        neighbours
            .options()
            .variable("inventory_url", unreachable_url()),
    );
    let answer = neighbours.put(&shop, 1).refused(503, "unavailable");
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    let line = shop.wait_for_line("the cause", |line| line["code"] == "unavailable");
    assert!(
        line["cause"]
            .as_str()
            .unwrap()
            .contains("ConnectionRefused"),
        "{line}"
    );
    assert_eq!(
        (&line["request_id"], &line["trace_id"]),
        (&json!(REQUEST_ID), &json!(TRACE_ID))
    );
    assert_eq!(neighbours.cart(&shop)["items"], json!([]));
}

#[test]
fn a_cart_survives_a_crash_and_shows_stored_prices_while_product_is_silent() {
    let neighbours = Neighbours::new();
    let mut shop = Shop::start(neighbours.options());
    let _ = neighbours.put(&shop, 2).expect(200);
    shop.kill();
    shop.restart();
    assert_eq!(neighbours.cart(&shop)["items"][0]["quantity"], 2);
    neighbours.silent.store(true, Ordering::SeqCst);
    let cart = neighbours.cart(&shop);
    assert_eq!(cart["total"]["amount"], 2500);
    assert!(cart["prices_as_of"].is_string(), "{cart}");
    let _ = neighbours.put(&shop, 1).refused(503, "unavailable");
    neighbours.silent.store(false, Ordering::SeqCst);
    assert_eq!(neighbours.cart(&shop)["items"][0]["quantity"], 2);
}

#[test]
fn while_user_is_down_tokens_cannot_be_verified() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(neighbours.options().variable("user_url", unreachable_url()));
    let cart = shop.gateway().get("/cart").bearer(&neighbours.token);
    let _ = cart.send().refused(503, "unavailable");
    let _ = shop
        .gateway()
        .get("/cart")
        .send()
        .refused(401, "unauthorized");
}

#[test]
fn unsupported_methods_and_too_large_bodies_are_rejected() {
    let neighbours = Neighbours::new();
    let shop = Shop::start(neighbours.options());
    let client = shop.operator();
    let answer = client
        .post("/cart")
        .send()
        .refused(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, DELETE"));
    let head = client.request("HEAD", "/cart").bearer(&neighbours.token);
    let _ = head.send().expect(200);
    let long = client.put("/cart/items/COF-001").body(vec![b' '; 300_000]);
    let _ = long.send().refused(413, "body_too_large");
}
