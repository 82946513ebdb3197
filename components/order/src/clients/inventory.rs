//! Stock: a reservation of an order, which inventory identifies by the order.

use std::time::Duration;

use http::Method;
use serde_json::json;
use stoa_service::outbound::{Call, Caller, Peer};

use super::outcome::{CallFailure, send};
use crate::domain::Order;

/// With the two calls for prices, a whole way forward stays below the time limit of a request (30 s).
const TIMEOUT: Duration = Duration::from_secs(3);
/// A way back may exceed that limit: recovery finishes it.
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

    /// Makes the reservation hold for `seconds` from now on at least, taking the stock again if it ran out.
    pub fn extend(&self, order: &Order, seconds: u32) -> Result<(), CallFailure> {
        let call = self.post(order, "extend");
        send(&self.0, call.json(&json!({"seconds": seconds}))).map(drop)
    }

    /// The stock leaves.
    pub fn commit(&self, order: &Order) -> Result<(), CallFailure> {
        let call = self.post(order, "commit");
        send(&self.0, call.json(&json!({}))).map(drop)
    }

    /// Gives the stock back, committed or not, and closes the door for a reservation that is still in flight.
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
