//! Parcels: the shipment of an order.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::json;
use stoa_service::outbound::{Caller, Peer};
use uuid::Uuid;

use super::outcome::{CallFailure, read, send};
use crate::domain::{Order, Shipment};

/// Timeout of a hand-over: part of the forward steps, which stay below the time limit of a request (30 s).
const SHIP_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of an undo. A compensation may exceed that limit: recovery finishes it.
const UNDO_TIMEOUT: Duration = Duration::from_secs(4);

/// The service shipping.
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
    /// The shipments at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("shipping", url, UNDO_TIMEOUT))
    }

    /// Hands the parcel to the carrier.
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

    /// The current shipments of these orders, at most 101, each with its order; orders without one are left out.
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

    /// The shipment of an order, if shipping has one.
    pub fn of_order(&self, order_id: Uuid) -> Result<Option<Shipment>, CallFailure> {
        let found = self.of_orders(&[order_id], UNDO_TIMEOUT)?;
        Ok(found.into_iter().next().map(|(_, shipment)| shipment))
    }

    /// Cancels the shipment.
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
