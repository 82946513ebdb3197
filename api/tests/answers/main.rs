//! Tests that requests and responses of all services match the OpenAPI documents. The test calls every operation, and also sends
//! many wrong requests.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a mismatch must fail the test"
)]

mod browsing;
mod mesh;
mod ordering;

use http::Method;
use mesh::{Answer, Mesh};
use serde_json::{Value, json};

const JSON: (&str, &str) = ("content-type", "application/json");

const EMAIL: &str = "ann@example.com";
const PASSWORD: &str = "correct horse battery";

struct Client {
    mesh: Mesh,
    bearer: String,
    keys: u32,
}

impl Client {
    fn new() -> Self {
        Self {
            mesh: Mesh::new(),
            bearer: String::new(),
            keys: 0,
        }
    }

    fn send(&mut self, service: &str, method: Method, path: &str, body: &Value) -> Answer {
        self.keys += 1;
        let key = format!("key-{}", self.keys);
        let headers = [
            JSON,
            ("authorization", self.bearer.as_str()),
            ("idempotency-key", key.as_str()),
        ];
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        self.mesh.call(service, method, path, &headers, &body)
    }

    /// Sends a request, and expects `status`. Returns the response's body.
    fn expect(
        &mut self,
        status: u16,
        service: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Value {
        let answer = self.send(service, method.clone(), path, &body);
        assert_eq!(
            answer.status, status,
            "{method} {path} {body}: {}",
            answer.body
        );
        answer.body
    }

    /// Sends a PUT with `If-Match`, and expects `status`.
    fn put_if_match(
        &mut self,
        if_match: &str,
        status: u16,
        service: &str,
        path: &str,
        body: Value,
    ) {
        let headers = [JSON, ("if-match", if_match)];
        let body = body.to_string().into_bytes();
        let answer = self.mesh.call(service, Method::PUT, path, &headers, &body);
        assert_eq!(answer.status, status, "{if_match}: {}", answer.body);
    }

    fn get(&mut self, service: &str, path: &str) -> Value {
        self.expect(200, service, Method::GET, path, Value::Null)
    }

    /// Registers an account, and returns the account's id.
    fn register(&mut self) -> String {
        let account = json!({"email": EMAIL, "password": PASSWORD, "name": "Ann Lee"});
        let user = self.expect(201, "user", Method::POST, "/user/register", account.clone());
        self.expect(409, "user", Method::POST, "/user/register", account);
        id(&user, "user_id")
    }

    fn log_in(&mut self) {
        let credentials = json!({"email": EMAIL, "password": PASSWORD});
        let token = self.expect(200, "user", Method::POST, "/user/login", credentials);
        self.bearer = format!("Bearer {}", id(&token, "access_token"));
    }
}

fn order(token: &str, items: Option<Value>) -> Value {
    let mut body = json!({"shipping_address": address("DE"), "payment": {"method": "card", "card_token": token}});
    if let Some(items) = items {
        body["items"] = items;
    }
    body
}

fn address(country: &str) -> Value {
    json!({"name": "Ann Lee", "street": "Hauptstr. 1", "city": "Berlin", "postal_code": "10115", "country": country})
}

fn id(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

const SKU: &str = "COF-001";
/// The SKU of the product without a price.
const UNPRICED: &str = "BOK-011";

#[test]
fn every_response_matches_the_document_and_every_operation_succeeds_once() {
    let client = &mut Client::new();
    let ann = client.register();
    client.log_in();
    browsing::accounts(client);
    // Logs in again, because a token contains the user's data as they were at the log-in.
    client.log_in();
    browsing::catalogue(client);
    browsing::carts(client, &ann);
    browsing::stock(client);
    ordering::orders(client);
    ordering::refused_orders(client);
    ordering::parcels(client);
    ordering::payments(client);
    ordering::third_parties(client);
    browsing::pages(client);
    let missing = client.mesh.operations_without_success();
    assert!(
        missing.is_empty(),
        "operations that never sent a response with a status below 400: {missing:?}"
    );
}
