//! The service `payment` with a real SQLite database. Its calls go to the simulated third parties of `partners`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::Method;
use partners::testing::{CheckedDatabase, Fate, SimulatedPartners, URL};
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
    database: CheckedDatabase,
    pub(crate) partners: SimulatedPartners,
    pub(crate) outbound: Arc<FakeOutbound>,
}

/// The status and body of a response; `None` if the service died during the request.
pub(crate) type Outcome = Option<(u16, Value)>;

impl Shop {
    pub(crate) fn new() -> Self {
        let partners = SimulatedPartners::new(|_| {
            Err(CallError::NotSent(
                "the payment service does not receive the carrier's reports".to_owned(),
            ))
        });
        let outbound = FakeOutbound::new({
            let partners = partners.clone();
            move |call| partners.answer(call)
        });
        Self {
            database: CheckedDatabase::new(&SCHEMA),
            partners,
            outbound: Arc::new(outbound),
        }
    }

    pub(crate) fn fates(&self, fates: impl IntoIterator<Item = Fate>) -> u32 {
        self.partners.fates(fates)
    }

    pub(crate) fn try_call(&self, method: Method, uri: &str, key: &str, body: &Value) -> Outcome {
        let app = App {
            config: Config::read(&|_| Some(URL.to_owned())).unwrap(),
            db: Box::new(self.database.open()),
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
            .expect("the service died without a response")
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

    pub(crate) fn look_up(&self, payment: Uuid) -> Outcome {
        let uri = format!("/payments/{payment}");
        self.try_call(Method::GET, &uri, "", &Value::Null)
    }

    /// Expires the claims of requests that died, so that a repeat can run.
    pub(crate) fn expire_claims(&self) {
        self.database
            .run("UPDATE payment_idempotency SET claimed_until = 0 WHERE status IS NULL");
    }

    /// Reads the stored payment of an order.
    pub(crate) fn stored(&self, order: Uuid) -> Option<Payment> {
        store::find_by_order(&self.database.open(), order).unwrap()
    }

    /// Returns the kinds of a payment's entries in the processor's ledger, such as `capture`.
    pub(crate) fn ledger(&self, payment: Uuid) -> Vec<String> {
        let path = format!("/processor/ledger?reference={payment}");
        let (_, entries) = self
            .partners
            .call_without_fate(Method::GET, &path, &Value::Null);
        let items = entries["items"].as_array().unwrap();
        items
            .iter()
            .map(|entry| entry["kind"].as_str().unwrap().to_owned())
            .collect()
    }
}
