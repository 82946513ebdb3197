//! The services call and answer as the documents describe: a journey through all of them, and many mistakes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what does not fit fails the test"
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

    /// Sends, and expects `status`.
    fn want(
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
    fn want_if(&mut self, if_match: &str, status: u16, service: &str, path: &str, body: Value) {
        let headers = [JSON, ("if-match", if_match)];
        let body = body.to_string().into_bytes();
        let answer = self.mesh.call(service, Method::PUT, path, &headers, &body);
        assert_eq!(answer.status, status, "{if_match}: {}", answer.body);
    }

    fn get(&mut self, service: &str, path: &str) -> Value {
        self.want(200, service, Method::GET, path, Value::Null)
    }

    /// Registers an account; returns its id.
    fn register(&mut self) -> String {
        let account = json!({"email": EMAIL, "password": PASSWORD, "name": "Ann Lee"});
        let user = self.want(201, "user", Method::POST, "/user/register", account.clone());
        self.want(409, "user", Method::POST, "/user/register", account);
        id(&user, "user_id")
    }

    fn log_in(&mut self) {
        let right = json!({"email": EMAIL, "password": PASSWORD});
        let token = self.want(200, "user", Method::POST, "/user/login", right);
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
/// The product without a price.
const UNPRICED: &str = "BOK-011";

#[test]
fn every_answer_fits_the_document_and_every_operation_succeeds_once() {
    let client = &mut Client::new();
    let ann = client.register();
    client.log_in();
    browsing::accounts(client);
    // A token states what was known of its user when it was issued.
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
    let missing = client.mesh.never_succeeded();
    assert!(missing.is_empty(), "no answer below 400: {missing:?}");
}
