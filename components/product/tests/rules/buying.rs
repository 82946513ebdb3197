//! Tests of direct purchases of one product.

use http::Method;
use product::domain::Release;
use serde_json::{Value, json};
use stoa_service::outbound::{Call, CallError, Reply};
use stoa_service::route::Response;
use stoa_service::testing::{Issuer, reply};
use uuid::Uuid;

use crate::shop::{COFFEE, Shop};

struct Buyer {
    shop: Shop,
    token: String,
}

impl Buyer {
    fn new(order: fn() -> Result<Reply, CallError>) -> Self {
        let issuer = Issuer::new("k1", 1);
        let jwks = issuer.jwks();
        let shop = Shop::new(Release::V2, move |call| match call.url.as_str() {
            "http://user/user/jwks" => reply(200, jwks.clone()),
            "http://order/order" => order(),
            other => panic!("{other}"),
        });
        let token = format!("Bearer {}", issuer.token(Uuid::from_u128(7), 60));
        Self { shop, token }
    }

    fn buy(&self, path: &str, body: &Value) -> (u16, Response) {
        let headers = [
            ("authorization", self.token.as_str()),
            ("idempotency-key", "key-1"),
            ("x-shop-version", "v2"),
        ];
        self.shop.send(Method::POST, path, &headers, body)
    }

    fn orders(&self) -> Vec<Call> {
        let calls = self.shop.outbound.calls();
        calls
            .into_iter()
            .filter(|c| c.method == Method::POST)
            .collect()
    }
}

fn purchase() -> Value {
    json!({"quantity": 2, "shipping_address": {"name": "Ann"}, "payment": {"method": "card", "card_token": "tok_visa"}})
}

#[test]
fn a_purchase_forwards_the_order_and_returns_its_response() {
    let buyer = Buyer::new(|| {
        let mut answer = reply(503, json!({"code": "unavailable"}))?;
        for (name, value) in [
            ("retry-after", "3"),
            ("content-type", "application/problem+json"),
            ("set-cookie", "no=1"),
        ] {
            answer.headers.insert(name, value.parse().unwrap());
        }
        Ok(answer)
    });
    let (status, response) = buyer.buy(&format!("/product/{COFFEE}/buy"), &purchase());
    assert_eq!(status, 503);
    assert_eq!(response.headers()["retry-after"], "3");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert!(!response.headers().contains_key("set-cookie"));
    assert_eq!(response.body(), br#"{"code":"unavailable"}"#);

    let call = &buyer.orders()[0];
    assert_eq!(call.headers["authorization"], buyer.token.as_str());
    assert_eq!(call.headers["idempotency-key"], "key-1");
    assert_eq!(call.headers["x-shop-version"], "v2");
    assert_eq!(
        serde_json::from_slice::<Value>(&call.body).unwrap(),
        json!({"items": [{"sku": "COF-001", "quantity": 2}], "shipping_address": {"name": "Ann"},
            "payment": {"method": "card", "card_token": "tok_visa"}})
    );
}

#[test]
fn a_purchase_without_a_response_from_order_is_503_with_retry_after() {
    let buyer = Buyer::new(|| Err(CallError::Lost("reset".into())));
    let (status, response) = buyer.buy("/product/COF-001/buy", &purchase());
    assert_eq!(status, 503);
    assert!(response.headers().contains_key("retry-after"));
}

#[test]
fn an_invalid_purchase_never_reaches_order() {
    let buyer = Buyer::new(|| panic!("the order service must not be called"));
    let with = |name: &str, value: Value| {
        let mut body = purchase();
        body[name] = value;
        body
    };
    for (body, expected) in [
        (with("quantity", json!(0)), 422),
        (with("quantity", json!(-1)), 422),
        (with("quantity", json!(100)), 422),
        (with("quantity", json!(4_294_967_296_u64)), 422),
        (with("quantity", json!("2")), 422),
        (with("coupon", json!("x")), 422),
        (json!({"quantity": 1}), 422),
        (json!([2, {"name": "Ann"}, {"method": "card"}]), 422),
    ] {
        assert_eq!(
            buyer.buy("/product/COF-001/buy", &body).0,
            expected,
            "{body}"
        );
    }
    assert_eq!(buyer.buy("/product/NO-1/buy", &purchase()).0, 404);

    let send = |headers: &[(&str, &str)]| {
        buyer
            .shop
            .send(Method::POST, "/product/COF-001/buy", headers, &purchase())
            .0
    };
    assert_eq!(send(&[("authorization", &buyer.token)]), 400);
    assert_eq!(send(&[("idempotency-key", "k")]), 401);
    let forged = format!(
        "Bearer {}",
        Issuer::new("k1", 2).token(Uuid::from_u128(7), 60)
    );
    assert_eq!(
        send(&[("idempotency-key", "k"), ("authorization", &forged)]),
        401
    );
    assert_eq!(buyer.orders().len(), 0);
}
