//! The client of the service `inventory`. In `inventory`, the order's id also identifies the order's reservation.

use std::time::Duration;

use http::Method;
use serde_json::json;
use stoa_service::outbound::{Call, Caller, Peer};

use super::outcome::{CallFailure, send};
use crate::domain::Order;

/// Timeout of one call to `inventory`. With this value, all forward steps and the earlier calls to `cart`, `product` and `user` end
/// within the time limit of a request (30 s).
const TIMEOUT: Duration = Duration::from_secs(3);
/// Timeout of the call that releases a reservation. All compensations together may take longer than the time limit of a request,
/// because recovery finishes them.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(4);

/// The client of the service `inventory`.
pub struct InventoryClient<'a>(Peer<'a>);

impl<'a> InventoryClient<'a> {
    /// A client of the service `inventory` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("the inventory service", url, TIMEOUT))
    }

    /// Reserves the stock for all lines of the order, or for none.
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

    /// Extends the order's reservation until at least `seconds` from now. If the reservation has expired, the call reserves the
    /// stock again.
    pub fn extend(&self, order: &Order, seconds: u32) -> Result<(), CallFailure> {
        let call = self.post(order, "extend");
        send(&self.0, call.json(&json!({"seconds": seconds}))).map(drop)
    }

    /// Commits the order's reservation: the stock leaves the warehouse and counts as sold.
    pub fn commit(&self, order: &Order) -> Result<(), CallFailure> {
        let call = self.post(order, "commit");
        send(&self.0, call.json(&json!({}))).map(drop)
    }

    /// Releases the order's stock, committed or not. If the request that reserves the stock is still in flight, `inventory` will
    /// reject that request when it arrives.
    pub fn release(&self, order: &Order) -> Result<(), CallFailure> {
        let path = format!("/reservations/{}", order.order_id);
        let call = self
            .0
            .call(Method::DELETE, &path)
            .idempotency_key(&order.call_key("release"))
            .timeout(RELEASE_TIMEOUT);
        send(&self.0, call).map(drop)
    }

    fn post(&self, order: &Order, operation: &str) -> Call {
        let path = format!("/reservations/{}/{operation}", order.order_id);
        self.0
            .call(Method::POST, &path)
            .idempotency_key(&order.call_key(operation))
    }
}
