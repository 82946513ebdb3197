//! A customer and an operator for tests. Both use the shop only through HTTP.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test program includes this module and uses only a part; a failure in the test's setup must fail the test"
)]

use std::time::Duration;

use serde_json::{Value, json};
use stoa_testkit::{Answer, Client, Shop, wait_for};
use uuid::Uuid;

/// Timeout for effects that follow a response, such as a message in the inbox.
pub(crate) const EFFECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Password of all customers.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A registered and logged-in customer.
pub(crate) struct Customer {
    gateway: Client,
    pub(crate) email: String,
    pub(crate) user_id: String,
    pub(crate) token: String,
}

pub(crate) fn address() -> Value {
    json!({"name": "Ann Example", "street": "1 Main Street", "city": "Utrecht", "postal_code": "3511 AA", "country": "NL"})
}

pub(crate) fn card(token: &str) -> Value {
    json!({"method": "card", "card_token": token})
}

/// A new Idempotency-Key.
pub(crate) fn key() -> String {
    Uuid::now_v7().to_string()
}

impl Customer {
    pub(crate) fn register(shop: &Shop, name: &str) -> Self {
        let gateway = shop.gateway().clone();
        let email = format!("{name}-{}@example.com", Uuid::now_v7().simple());
        let registered = gateway
            .post("/user/register")
            .json(&json!({"email": email, "password": PASSWORD, "name": name}))
            .send()
            .expect(201);
        let mut customer = Self {
            gateway,
            email,
            user_id: text(&registered.json, "user_id"),
            token: String::new(),
        };
        customer.log_in();
        customer
    }

    pub(crate) fn log_in(&mut self) {
        let login = self
            .gateway
            .post("/user/login")
            .json(&json!({"email": self.email, "password": PASSWORD}))
            .send()
            .expect(200);
        assert_eq!(login.json["token_type"], "Bearer");
        self.token = text(&login.json, "access_token");
    }

    /// The same customer after a restart of the shop, which then listens on different ports.
    pub(crate) fn after_restart(self, shop: &Shop) -> Self {
        Self {
            gateway: shop.gateway().clone(),
            ..self
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.gateway.get(path).bearer(&self.token).send()
    }

    pub(crate) fn put_in_cart(&self, sku: &str, quantity: u32) -> Answer {
        self.gateway
            .put(&format!("/cart/items/{sku}"))
            .bearer(&self.token)
            .json(&json!({"quantity": quantity}))
            .send()
    }

    pub(crate) fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.gateway
            .post(path)
            .bearer(&self.token)
            .header("idempotency-key", key)
            .json(body)
            .send()
    }

    /// Orders the items of the cart.
    pub(crate) fn order_cart(&self, card_token: &str) -> Answer {
        let body = json!({"shipping_address": address(), "payment": card(card_token)});
        self.post("/order", &key(), &body)
    }

    /// Orders one SKU without the cart.
    pub(crate) fn order(&self, key: &str, sku: &str, quantity: u32, card_token: &str) -> Answer {
        let body = json!({"shipping_address": address(), "payment": card(card_token),
            "items": [{"sku": sku, "quantity": quantity}]});
        self.post("/order", key, &body)
    }

    /// Waits until the inbox has a message of this type about the order. Returns the message.
    pub(crate) fn wait_for_message(&self, kind: &str, order_id: &str) -> Value {
        wait_for(EFFECT_TIMEOUT, &format!("{kind} in the inbox"), || {
            let inbox = self.get("/notification").expect(200).json;
            items(&inbox)
                .into_iter()
                .find(|m| m["type"] == kind && m["order_id"] == order_id)
        })
    }
}

/// An operator, who reads the stock and the third parties' records.
pub(crate) struct Operator(Client);

impl Operator {
    pub(crate) fn of_shop(shop: &Shop) -> Self {
        Self(shop.operator().clone())
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0
    }

    /// The stock of a SKU as (on_hand, reserved, available).
    pub(crate) fn stock(&self, sku: &str) -> (i64, i64, i64) {
        let item = self.0.get(&format!("/items/{sku}")).send().expect(200).json;
        let member = |name: &str| item[name].as_i64().unwrap();
        (member("on_hand"), member("reserved"), member("available"))
    }

    pub(crate) fn set_stock(&self, sku: &str, on_hand: u32) {
        let path = format!("/items/{sku}");
        let _ = self
            .0
            .put(&path)
            .header("if-match", "*")
            .json(&json!({"on_hand": on_hand}))
            .send()
            .expect(200);
    }

    /// All entries of the processor's ledger, with which tests compare the shop's records.
    pub(crate) fn ledger(&self) -> Vec<Value> {
        self.list("/processor/ledger")
    }

    /// The kinds of the ledger entries for one payment, oldest first.
    pub(crate) fn ledger_of(&self, payment_id: &str) -> Vec<String> {
        self.list(&format!("/processor/ledger?reference={payment_id}"))
            .iter()
            .map(|e| text(e, "kind"))
            .collect()
    }

    /// Reads all pages of a list.
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = None::<String>;
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = match &next {
                Some(token) => format!("{path}{separator}limit=100&page_token={token}"),
                None => format!("{path}{separator}limit=100"),
            };
            let answer = self.read(&page);
            all.extend(items(&answer));
            match answer["next_page_token"].as_str() {
                Some(token) => next = Some(token.to_owned()),
                None => return all,
            }
        }
    }

    /// Reads a list that has only one page.
    pub(crate) fn list_unpaged(&self, path: &str) -> Vec<Value> {
        items(&self.read(path))
    }

    /// Reads a path, and retries while the shop is overloaded (503).
    fn read(&self, path: &str) -> Value {
        let answer = wait_for(EFFECT_TIMEOUT, path, || {
            let answer = self.0.get(path).send();
            (answer.status != 503).then_some(answer)
        });
        answer.expect(200).json
    }

    pub(crate) fn script(&self, partner: &str, body: &Value) {
        let _ = self
            .0
            .put(&format!("/script/{partner}"))
            .json(body)
            .send()
            .expect(200);
    }

    pub(crate) fn clear_script(&self, partner: &str) {
        let answer = self.0.delete(&format!("/script/{partner}")).send();
        assert!(answer.status < 300, "{}", answer.text());
    }

    pub(crate) fn recover(&self) -> Value {
        self.0
            .post("/internal/orders/recover")
            .send()
            .expect(200)
            .json
    }

    /// Calls every operation with a timer once, as the CronJobs of a cluster do.
    pub(crate) fn run_timers(&self) {
        for path in [
            "/internal/orders/recover",
            "/internal/orders/outbox",
            "/internal/shipments/outbox",
            "/internal/notifications/deliver",
        ] {
            let _ = self.0.post(path).send().expect(200);
        }
    }
}

#[track_caller]
pub(crate) fn text(value: &Value, name: &str) -> String {
    match value[name].as_str() {
        Some(text) => text.to_owned(),
        None => panic!("`{name}` is missing or not a string, in: {value}"),
    }
}

#[track_caller]
pub(crate) fn items(page: &Value) -> Vec<Value> {
    match page["items"].as_array() {
        Some(items) => items.clone(),
        None => panic!("`items` is missing or not a list, in: {page}"),
    }
}

/// The items of an order.
#[track_caller]
pub(crate) fn order_items(order: &Value) -> &[Value] {
    match order["items"].as_array() {
        Some(items) => items,
        None => panic!("`items` is missing or not a list, in: {order}"),
    }
}
