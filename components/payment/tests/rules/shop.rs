//! The service over a real SQLite; its calls go to the simulated third parties.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::Method;
use partners::testing::{Books, Fate, Stage, URL};
use payment::app::App;
use payment::config::Config;
use payment::domain::Payment;
use payment::store::{self, SCHEMA};
use serde_json::{Value, json};
use stoa_service::Service;
use stoa_service::outbound::CallError;
use stoa_service::testing::{FakeOutbound, request};
use uuid::Uuid;

pub(crate) struct Shop {
    books: Books,
    pub(crate) stage: Stage,
    pub(crate) outbound: Arc<FakeOutbound>,
}

/// A response; `None` if the service died.
pub(crate) type Outcome = Option<(u16, Value)>;

impl Shop {
    pub(crate) fn new() -> Self {
        let stage = Stage::new(|_| Err(CallError::NotSent("payment gets no reports".to_owned())));
        let outbound = FakeOutbound::new({
            let stage = stage.clone();
            move |call| stage.answer(call)
        });
        Self {
            books: Books::new(&SCHEMA),
            stage,
            outbound: Arc::new(outbound),
        }
    }

    pub(crate) fn fates(&self, fates: impl IntoIterator<Item = Fate>) -> u32 {
        self.stage.fates(fates)
    }

    pub(crate) fn try_call(&self, method: Method, uri: &str, key: &str, body: &Value) -> Outcome {
        let app = App {
            config: Config::read(&|_| Some(URL.to_owned())).unwrap(),
            db: Box::new(self.books.open()),
            outbound: Box::new(self.outbound.clone()),
        };
        let headers = [("idempotency-key", key)];
        let request = request(App::NAME, method, uri, &headers, &body.to_string());
        let response = catch_unwind(AssertUnwindSafe(|| app.answer(request))).ok()?;
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        Some((response.status().as_u16(), body))
    }

    pub(crate) fn call(&self, method: Method, uri: &str, key: &str, body: &Value) -> (u16, Value) {
        self.try_call(method, uri, key, body)
            .expect("the service lives")
    }

    pub(crate) fn pay(&self, order: Uuid, key: &str, token: &str) -> Outcome {
        let amount = json!({"amount": 1999, "currency": "EUR"});
        let body =
            json!({"order_id": order, "amount": amount, "method": "card", "card_token": token});
        self.try_call(Method::POST, "/payments", key, &body)
    }

    pub(crate) fn refund(&self, payment: Uuid) -> Outcome {
        let uri = format!("/payments/{payment}/refund");
        self.try_call(Method::POST, &uri, "", &Value::Null)
    }

    pub(crate) fn look(&self, payment: Uuid) -> Outcome {
        let uri = format!("/payments/{payment}");
        self.try_call(Method::GET, &uri, "", &Value::Null)
    }

    /// Expires the lease of a request that died.
    pub(crate) fn expire_claims(&self) {
        self.books
            .run("UPDATE payment_idempotency SET claimed_until = 0 WHERE status IS NULL");
    }

    /// The stored payment.
    pub(crate) fn stored(&self, order: Uuid) -> Option<Payment> {
        store::of_order(&self.books.open(), order).unwrap()
    }

    /// Entries in the processor's ledger for a payment.
    pub(crate) fn ledger(&self, payment: Uuid) -> Vec<String> {
        let path = format!("/processor/ledger?reference={payment}");
        let (_, entries) = self.stage.ask(Method::GET, &path, &Value::Null);
        let items = entries["items"].as_array().unwrap();
        items
            .iter()
            .map(|entry| entry["kind"].as_str().unwrap().to_owned())
            .collect()
    }
}
