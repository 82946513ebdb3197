//! The client of the service `shipping`.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::json;
use stoa_service::outbound::{Caller, Peer};
use uuid::Uuid;

use super::outcome::{CallFailure, read, send};
use crate::domain::{Order, Shipment};

/// Timeout of the call that creates a shipment. All forward steps together end within the time limit of a request (30 s).
const SHIP_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of a call that cancels or looks up a shipment. All compensations together may take longer than the time limit of a
/// request, because recovery finishes them.
const UNDO_TIMEOUT: Duration = Duration::from_secs(4);

/// The client of the service `shipping`.
pub struct ShippingClient<'a>(Peer<'a>);

#[derive(Deserialize)]
struct ShipmentView {
    order_id: Uuid,
    shipment_id: Uuid,
    #[serde(default)]
    tracking_number: Option<String>,
    status: String,
}

impl From<ShipmentView> for Shipment {
    fn from(view: ShipmentView) -> Self {
        Self {
            shipment_id: view.shipment_id,
            tracking_number: view.tracking_number,
            status: view.status,
        }
    }
}

impl<'a> ShippingClient<'a> {
    /// A client of the service `shipping` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("the shipping service", url, UNDO_TIMEOUT))
    }

    /// Creates the order's shipment, and so hands the parcel to the carrier.
    pub fn ship(&self, order: &Order) -> Result<Shipment, CallFailure> {
        let lines: Vec<_> = order
            .items
            .iter()
            .map(|item| json!({"sku": item.sku, "quantity": item.quantity}))
            .collect();
        let body = json!({"order_id": order.order_id, "address": order.address, "lines": lines});
        let call = self
            .0
            .call(Method::POST, "/shipments")
            .idempotency_key(&order.call_key("ship"))
            .json(&body)
            .timeout(SHIP_TIMEOUT);
        let shipment: ShipmentView = read(&send(&self.0, call)?)?;
        Ok(shipment.into())
    }

    /// Reads the current shipments of these orders, at most 101 orders. Returns pairs of an order's id and its shipment. Orders
    /// without a shipment are left out.
    pub fn of_orders(
        &self,
        order_ids: &[Uuid],
        timeout: Duration,
    ) -> Result<Vec<(Uuid, Shipment)>, CallFailure> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<ShipmentView>,
        }
        let ids: Vec<String> = order_ids.iter().map(Uuid::to_string).collect();
        let path = format!("/shipments?order_id={}", ids.join(","));
        let call = self.0.call(Method::GET, &path).timeout(timeout);
        let page: Page = read(&send(&self.0, call)?)?;
        let found = page.items.into_iter();
        Ok(found.map(|view| (view.order_id, view.into())).collect())
    }

    /// Looks up the shipment of an order; `None` if the order has no shipment.
    pub fn of_order(&self, order_id: Uuid) -> Result<Option<Shipment>, CallFailure> {
        let found = self.of_orders(&[order_id], UNDO_TIMEOUT)?;
        Ok(found.into_iter().next().map(|(_, shipment)| shipment))
    }

    /// Cancels the order's shipment.
    pub fn cancel(&self, order: &Order, shipment_id: Uuid) -> Result<Shipment, CallFailure> {
        let path = format!("/shipments/{shipment_id}/cancel");
        let call = self
            .0
            .call(Method::POST, &path)
            .idempotency_key(&order.call_key("cancel_shipment"))
            .json(&json!({}));
        let shipment: ShipmentView = read(&send(&self.0, call)?)?;
        Ok(shipment.into())
    }
}
