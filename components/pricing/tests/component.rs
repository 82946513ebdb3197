//! Tests the built component inside `cart`. The values that pass through the WIT interface must equal the results of the rules.
#![cfg(not(target_family = "wasm"))]
#![expect(clippy::unwrap_used, reason = "an unexpected value must fail the test")]

use pricing::rules::{self, Line, MAX_AMOUNT, Money};
use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_testkit::{Shop, ShopOptions, Stub, StubResponse};
use uuid::Uuid;

/// The lines of a cart. Each line has a SKU, a price with its currency, and the number of units.
type Basket = &'static [(&'static str, Option<(u64, &'static str)>, u32)];

/// The response of `cart` for these lines. A stub for the service `product` returns the prices of the lines.
fn cart(basket: Basket) -> Value {
    let issuer = Issuer::new("k1", 1);
    let jwks = issuer.jwks();
    let products: Vec<Value> = basket
        .iter()
        .map(|(sku, price, _)| {
            let price =
                price.map(|(amount, currency)| json!({"amount": amount, "currency": currency}));
            json!({"sku": sku, "name": sku, "price": price})
        })
        .collect();
    let stub = Stub::start(move |seen| match seen.path.split('?').next().unwrap() {
        "/user/jwks" => StubResponse::json(200, jwks.clone()),
        "/product" => StubResponse::json(200, json!({"items": products})),
        _ => StubResponse::json(200, json!({"available": 1_000_000})),
    });
    let options = ["product_url", "inventory_url", "user_url"]
        .iter()
        .fold(ShopOptions::only(&["cart"]), |o, name| {
            o.variable(name, stub.url())
        });
    let shop = Shop::start(options);
    let token = issuer.token(Uuid::now_v7(), 60);
    for (sku, _, quantity) in basket {
        let put = shop
            .gateway()
            .put(&format!("/cart/items/{sku}"))
            .bearer(&token);
        let _ = put.json(&json!({"quantity": quantity})).send().expect(200);
    }
    shop.gateway()
        .get("/cart")
        .bearer(&token)
        .send()
        .expect(200)
        .json
}

/// The total that the rules compute for the lines with a price; `None` if there is no total.
fn total(basket: Basket) -> Option<Value> {
    let lines = basket.iter().filter_map(|(sku, price, quantity)| {
        let (amount, currency) = (*price)?;
        let currency = currency.to_owned();
        Some(Line {
            sku: (*sku).to_owned(),
            quantity: *quantity,
            unit_price: Some(Money { amount, currency }),
        })
    });
    let total = rules::quote(lines.collect()).ok()?.total;
    Some(json!({"amount": total.amount, "currency": total.currency}))
}

#[test]
fn a_cart_total_equals_the_total_of_the_rules() {
    let basket: Basket = &[
        ("A", Some((1999, "EUR")), 3),
        ("B", Some((1, "EUR")), 99),
        ("C", None, 2),
    ];
    let cart = cart(basket);
    assert_eq!(Some(&cart["total"]), total(basket).as_ref());
    assert_eq!(cart["items"][0]["line_total"]["amount"], 5997);
    assert_eq!(cart["unpriced"], json!(["C"]));
}

#[test]
fn a_sum_that_is_too_large_or_in_two_currencies_is_null_and_does_not_trap() {
    let mixed: Basket = &[("A", Some((100, "EUR")), 1), ("B", Some((100, "JPY")), 2)];
    let large: Basket = &[
        ("A", Some((MAX_AMOUNT, "EUR")), 1),
        ("B", Some((MAX_AMOUNT, "EUR")), 2),
    ];
    for (basket, second) in [
        (mixed, json!({"amount": 200, "currency": "JPY"})),
        (large, Value::Null),
    ] {
        assert_eq!(total(basket), None);
        let cart = cart(basket);
        assert_eq!(cart["total"], Value::Null);
        assert_eq!(
            cart["items"][0]["line_total"],
            cart["items"][0]["unit_price"]
        );
        assert_eq!(cart["items"][1]["line_total"], second);
    }
}
