//! Tests of the checks with correct responses, and with responses in which one member is wrong.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ensure::CheckResult;
use super::lines::Basket;
use crate::wire::Product;

mod account;
mod cart;
mod catalogue;
mod order;

const ID: &str = "019b76da-a800-71f9-9f94-ae97655f93b2";
const OTHER: &str = "019b76da-a801-7eb9-9455-b1187e16ee43";

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// A copy of `value` whose member at `pointer` is `new`.
fn with_member(value: &Value, pointer: &str, new: Value) -> Value {
    let mut value = value.clone();
    *value.pointer_mut(pointer).unwrap() = new;
    value
}

#[track_caller]
fn assert_wrong(checked: CheckResult, expected: &str) {
    let found = checked.unwrap_err();
    assert!(found.contains(expected), "{found}");
}

fn eur(amount: u64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

fn coffee() -> Value {
    json!({"product_id": ID, "sku": "COF-001", "name": "Beans", "description": "", "category": "coffee",
        "image": "/c.svg", "price": eur(1290)})
}

fn tea() -> Value {
    json!({"product_id": OTHER, "sku": "TEA-001", "name": "Sencha", "description": "", "category": "tea",
        "image": "/t.svg", "price": eur(900)})
}

fn catalogue() -> Vec<Product> {
    vec![read(&coffee()), read(&tea())]
}

fn basket() -> Basket {
    [("COF-001".to_owned(), 2), ("TEA-001".to_owned(), 1)].into()
}

fn items() -> Value {
    json!([
        {"sku": "COF-001", "name": "Beans", "quantity": 2, "unit_price": eur(1290), "line_total": eur(2580)},
        {"sku": "TEA-001", "name": "Sencha", "quantity": 1, "unit_price": eur(900), "line_total": eur(900)},
    ])
}

fn order() -> Value {
    json!({"order_id": ID, "status": "confirmed", "items": items(), "total": eur(3480),
        "payment": {"payment_id": OTHER, "status": "captured", "method": "card"},
        "shipment": {"shipment_id": OTHER, "tracking_number": "PX1", "status": "created"},
        "timeline": [{"step": "confirmed", "status": "done", "at": "2026-11-21T14:05:09Z"}],
        "created_at": "2026-11-21T14:05:09Z"})
}
