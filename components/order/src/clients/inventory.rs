//! Stock: the reservation of an order, identified by the order's id.

use std::time::Duration;

use http::Method;
use serde_json::json;
use stoa_service::outbound::{Call, Caller, Peer};

use super::outcome::{CallFailure, send};
use crate::domain::Order;

/// Timeout of one call. With the two calls for prices, all forward steps stay below the time limit of a request (30 s).
const TIMEOUT: Duration = Duration::from_secs(3);
/// Timeout of a release. A compensation may exceed that limit: recovery finishes it.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(4);

/// The service inventory.
pub struct InventoryClient<'a>(Peer<'a>);

impl<'a> InventoryClient<'a> {
    /// The stock at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("inventory", url, TIMEOUT))
    }

    /// Reserves all lines or none.
    pub fn reserve(&self, order: &Order) -> Result<(), CallFailure> {
        let lines: Vec<_> = order
            .items
            .iter()
            .map(|item| json!({"sku": item.sku, "quantity": item.quantity}))
            .collect();
        let call = self
            .0
            .call(Method::POST, "/reservations")
            .idempotency_key(&order.call_key("reserve"))
            .json(&json!({"order_id": order.order_id, "lines": lines}));
        send(&self.0, call).map(drop)
    }

    /// Extends the reservation to `seconds` from now at least. An expired reservation takes its stock again.
    pub fn extend(&self, order: &Order, seconds: u32) -> Result<(), CallFailure> {
        let call = self.post(order, "extend");
        send(&self.0, call.json(&json!({"seconds": seconds}))).map(drop)
    }

    /// Moves the stock out of the warehouse.
    pub fn commit(&self, order: &Order) -> Result<(), CallFailure> {
        let call = self.post(order, "commit");
        send(&self.0, call.json(&json!({}))).map(drop)
    }

    /// Releases the stock, committed or not, and prevents a reservation that is still in flight.
    pub fn release(&self, order: &Order) -> Result<(), CallFailure> {
        let path = format!("/reservations/{}", order.order_id);
        let call = self
            .0
            .call(Method::DELETE, &path)
            .idempotency_key(&order.call_key("release"))
            .timeout(RELEASE_TIMEOUT);
        send(&self.0, call).map(drop)
    }

    fn post(&self, order: &Order, what: &str) -> Call {
        let path = format!("/reservations/{}/{what}", order.order_id);
        self.0
            .call(Method::POST, &path)
            .idempotency_key(&order.call_key(what))
    }
}
