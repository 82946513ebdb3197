//! The third parties with a real database. A [`FakeOutbound`] stands for the shop, which receives the carrier's reports.

use std::sync::Arc;

use http::Method;
use partners::app::App;
use partners::config::Config;
use partners::store::SCHEMA;
use serde_json::{Value, json};
use stoa_service::Service;
use stoa_service::testing::{FakeOutbound, TestDatabase, request};

pub(crate) struct ThirdParties {
    database: TestDatabase,
    pub(crate) shop: Arc<FakeOutbound>,
}

impl ThirdParties {
    pub(crate) fn new() -> Self {
        Self::with_shop(FakeOutbound::none())
    }

    /// Creates the third parties. `shop` stands for the shop: it gets the carrier's reports, and returns the shop's responses.
    pub(crate) fn with_shop(shop: FakeOutbound) -> Self {
        let database = TestDatabase::new();
        SCHEMA.ensure(&database.connect()).unwrap();
        Self {
            database,
            shop: Arc::new(shop),
        }
    }

    pub(crate) fn call(&self, method: Method, uri: &str, key: &str, body: &Value) -> (u16, Value) {
        let app = App {
            config: Config {
                webhook_url: "http://shop.test".to_owned(),
                carrier_secret: "s3cret".to_owned(),
            },
            db: Box::new(self.database.connect()),
            outbound: Box::new(self.shop.clone()),
        };
        let mut headers = vec![];
        if !key.is_empty() {
            headers.push(("idempotency-key", key));
        }
        let request = request(App::NAME, method, uri, &headers, &body.to_string());
        let response = app.answer(request);
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        (response.status().as_u16(), body)
    }

    pub(crate) fn get(&self, uri: &str) -> (u16, Value) {
        self.call(Method::GET, uri, "", &Value::Null)
    }

    pub(crate) fn post(&self, uri: &str, key: &str, body: &Value) -> (u16, Value) {
        self.call(Method::POST, uri, key, body)
    }

    pub(crate) fn charge(&self, reference: &str, token: &str) -> (u16, Value) {
        self.post("/processor/charges", reference, &charge(reference, token))
    }

    pub(crate) fn refund(&self, reference: &str) -> (u16, Value) {
        let key = format!("refund-{reference}");
        self.post("/processor/refunds", &key, &json!({"reference": reference}))
    }

    pub(crate) fn script(&self, partner: &str, script: Value) -> (u16, Value) {
        self.call(Method::PUT, &format!("/script/{partner}"), "", &script)
    }

    pub(crate) fn ledger(&self, reference: &str) -> Vec<String> {
        let (_, page) = self.get(&format!("/processor/ledger?reference={reference}"));
        let entries = page["items"].as_array().unwrap();
        entries
            .iter()
            .map(|e| e["kind"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A request to charge 19.99 EUR.
pub(crate) fn charge(reference: &str, token: &str) -> Value {
    json!({"reference": reference, "amount": {"amount": 1999, "currency": "EUR"}, "card_token": token})
}

/// The status and the code of a response.
pub(crate) fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_default())
}

/// A request for a parcel.
pub(crate) fn parcel(reference: &str, country: &str) -> Value {
    json!({"reference": reference, "lines": [{"sku": "COF-001", "quantity": 1}], "address": {"name": "Ann",
        "street": "Main 1", "city": "Graz", "postal_code": "8010", "country": country}})
}
