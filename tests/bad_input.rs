//! Tests that bad input gets a problem document with the correct status, and changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in the test's setup must fail the test"
)]

mod customer;

use customer::{Customer, Operator, address, card, key};
use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_testkit::{Answer, Shop, ShopOptions};
use uuid::Uuid;

const SKU: &str = "HOM-001";

/// Asserts that the response is a complete problem document with this status.
#[track_caller]
fn assert_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.json["status"], status);
    for member in ["type", "title", "detail", "instance", "code", "request_id"] {
        assert!(
            answer.json[member].is_string(),
            "{member} in {}",
            answer.text()
        );
    }
}

#[test]
fn bad_orders_change_nothing() {
    let shop = Shop::start(ShopOptions::checked());
    let (operator, customer) = (Operator::of_shop(&shop), Customer::register(&shop, "ann"));
    let before = operator.stock(SKU);
    let good = json!({"shipping_address": address(), "payment": card("tok_visa"), "items": [{"sku": SKU, "quantity": 1}]});
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        match body.pointer_mut(pointer) {
            Some(member) => *member = value,
            None => body[pointer.trim_start_matches('/')] = value,
        }
        body
    };
    for body in [
        with("/items/0/quantity", json!(-1)),
        with("/items/0/quantity", json!(0)),
        with("/items/0/quantity", json!(1.5)),
        with("/items/0/quantity", json!("1")),
        with("/items/0/quantity", json!(4_294_967_296_u64)),
        with("/items/0/quantity", json!(i64::MAX)),
        with("/items", json!([])),
        with("/items", json!(null))
            .as_object()
            .map_or(Value::Null, |o| {
                let mut o = o.clone();
                o.insert("items".into(), json!("x"));
                o.into()
            }),
        with("/items/0/sku", json!("NO SUCH THING")),
        with("/coupon", json!("SAVE10")),
        with("/payment/method", json!("cash")),
        with("/payment/card_token", json!("4111111111111111")),
        with("/payment/card_token", json!("")),
        with("/shipping_address/country", json!("Netherlands")),
        with("/shipping_address/name", json!("")),
        json!({}),
        json!([]),
        json!("order"),
    ] {
        assert_problem(&customer.post("/order", &key(), &body), 422);
    }
    let raw = |body: &[u8], kind: &str| {
        shop.gateway()
            .post("/order")
            .bearer(&customer.token)
            .header("idempotency-key", &key())
            .header("content-type", kind)
            .body(body.to_vec())
            .send()
    };
    assert_problem(&raw(b"{", "application/json"), 400);
    assert_problem(&raw(b"{\"items\": \"\xff\xfe\"}", "application/json"), 400);
    assert_problem(&raw(good.to_string().as_bytes(), "text/plain"), 415);
    assert_problem(&raw(&vec![b'['; 300 * 1024], "application/json"), 413);
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    assert_problem(&raw(&deep, "application/json"), 422);
    let nul = with("/shipping_address/name", json!("A\0B"));
    let refused = customer.post("/order", &key(), &nul);
    assert_problem(&refused, 422);
    assert!(
        refused
            .text()
            .contains("shipping_address.name: the text contains the character NUL"),
        "{}",
        refused.text()
    );
    // Some databases cannot store NUL, so the services reject it before a query.
    for (path, status) in [
        ("/product?q=%00", 400),
        ("/product?category=a%00", 400),
        ("/product/%00", 404),
        ("/shipping/%00", 404),
        ("/product?page_token=WyJcdTAwMDAiLCIiXQ", 400),
        ("/order?page_token=Ilx1MDAwMCI", 400),
    ] {
        assert_problem(&customer.get(path), status);
    }
    let no_key = shop
        .gateway()
        .post("/order")
        .bearer(&customer.token)
        .json(&good)
        .send();
    assert_problem(&no_key, 400);
    assert_eq!(no_key.json["code"], "idempotency_key_required");
    assert_eq!(operator.stock(SKU), before);
    assert!(operator.ledger().is_empty());
    assert!(
        customer::items(&customer.get("/order").expect(200).json)
            .iter()
            .all(|o| o["status"] == "cancelled")
    );
}

#[test]
fn a_payment_with_an_unknown_currency_or_an_invalid_amount_is_rejected() {
    let shop = Shop::start(ShopOptions::checked());
    let operator = Operator::of_shop(&shop);
    for amount in [
        json!({"amount": 100, "currency": "XXQ"}),
        json!({"amount": -100, "currency": "EUR"}),
        json!({"amount": 9_999_999_999_999_999_i64, "currency": "EUR"}),
        json!({"amount": 1.5, "currency": "EUR"}),
        json!({"amount": "100", "currency": "EUR"}),
    ] {
        let body = json!({"order_id": Uuid::now_v7(), "amount": amount, "method": "card", "card_token": "tok_visa"});
        let answer = operator
            .client()
            .post("/payments")
            .header("idempotency-key", &key())
            .json(&body)
            .send();
        assert_problem(&answer, 422);
    }
    assert!(operator.ledger().is_empty());
}

#[test]
fn only_a_valid_token_is_accepted() {
    let signer = Issuer::new("unnamed", 1);
    let shop = Shop::start(ShopOptions::checked().variable("jwt_private_key", signer.pem()));
    let customer = Customer::register(&shop, "ann");
    let user: Uuid = customer.user_id.parse().unwrap();
    let jwks = shop.gateway().get("/user/jwks").send().expect(200).json;
    let kid: &'static str = customer::text(&jwks["keys"][0], "kid").leak();
    let claims = customer.token.split('.').nth(1).unwrap().to_owned();
    // The first part of the tokens below is {"alg":"none","typ":"JWT"} and {"alg":"HS256","typ":"JWT"}.
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
    let hmac = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{claims}.AAAA");
    let shop_issuer = Issuer::new(kid, 1);
    let good = shop_issuer.token(user, 600);
    let expired = shop_issuer.token(user, -60);
    let forged = Issuer::new(kid, 9).token(user, 600);
    let unknown = Issuer::new("another", 9).token(user, 600);
    let mangled = format!("{}x", customer.token);
    for path in ["/cart", "/order", "/notification", "/user/me"] {
        let _ = shop.gateway().get(path).bearer(&good).send().expect(200);
        for token in ["x", &none, &hmac, &expired, &forged, &unknown, &mangled] {
            let answer = shop.gateway().get(path).bearer(token).send();
            assert_problem(&answer, 401);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        assert_problem(&shop.gateway().get(path).send(), 401);
    }
}

#[test]
fn an_order_of_another_user_is_404() {
    let shop = Shop::start(ShopOptions::checked());
    let (ann, eve) = (
        Customer::register(&shop, "ann"),
        Customer::register(&shop, "eve"),
    );
    let order = ann.order(&key(), SKU, 1, "tok_visa").expect(201).json;
    let order_id = customer::text(&order, "order_id");
    assert_problem(&eve.get(&format!("/order/{order_id}")), 404);
    assert_problem(
        &eve.post(&format!("/order/{order_id}/cancel"), &key(), &json!({})),
        404,
    );
    assert!(customer::items(&eve.get("/order").expect(200).json).is_empty());
    assert!(customer::items(&eve.get("/notification").expect(200).json).is_empty());
    assert_eq!(
        ann.get(&format!("/order/{order_id}")).expect(200).json["status"],
        "confirmed"
    );
    assert_problem(&ann.get("/order/not-an-id"), 404);
}

#[test]
fn a_wrong_password_and_an_unknown_address_get_the_same_response() {
    let shop = Shop::start(ShopOptions::checked());
    let ann = Customer::register(&shop, "ann");
    let log_in = |email: &str| {
        shop.gateway()
            .post("/user/login")
            .json(&json!({"email": email, "password": "not the password"}))
            .send()
    };
    let (wrong, unknown) = (log_in(&ann.email), log_in("nobody@example.com"));
    assert_problem(&wrong, 401);
    let without_request_id = |answer: &Answer| {
        let mut json = answer.json.clone();
        json["request_id"] = Value::Null;
        json
    };
    assert_eq!(without_request_id(&wrong), without_request_id(&unknown));
    let taken = shop.gateway().post("/user/register")
        .json(&json!({"email": ann.email.to_uppercase(), "password": customer::PASSWORD, "name": "Ann"})).send();
    assert_problem(&taken, 409);
    for body in [
        json!({"email": "no-at", "password": customer::PASSWORD, "name": "x"}),
        json!({"email": "a@b.example", "password": "short", "name": "x"}),
        json!({"email": "a@b.example", "password": customer::PASSWORD, "name": ""}),
        json!({"email": "a@b.example", "password": customer::PASSWORD, "name": "x", "role": "admin"}),
    ] {
        assert_problem(
            &shop.gateway().post("/user/register").json(&body).send(),
            422,
        );
    }
}

#[test]
fn bad_queries_paths_and_methods_get_a_problem_document() {
    let shop = Shop::start(ShopOptions::checked());
    for (path, status) in [
        ("/product?limit=0", 400),
        ("/product?limit=101", 400),
        ("/product?limit=x", 400),
        ("/product?page_token=!", 400),
        ("/product?colour=red", 400),
        ("/product?q=%ff", 400),
        ("/product/00000000-0000-7000-8000-000000000000", 404),
        ("/product/NOPE", 404),
        ("/shipping/NOPE", 404),
    ] {
        assert_problem(&shop.gateway().get(path).send(), status);
    }
    let answer = shop.gateway().request("PATCH", "/product").send();
    assert!(matches!(answer.status, 404 | 405), "{}", answer.text());
}
