//! Reads the current status of the parcels of orders.

use std::time::Duration;

use serde_json::json;
use stoa_service::{Context, log};
use uuid::Uuid;

use crate::app::App;
use crate::domain::Order;

/// Timeout of the call to the service `shipping`. It is short because the response can show each parcel's last known status if
/// `shipping` does not respond.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Replaces the shipments in `orders` with the current shipments, which it reads from the service `shipping`. Only `shipping`
/// receives the carrier's reports. If the call fails, the orders keep their last known shipments.
pub fn refresh(app: &App, context: &Context, orders: &mut [Order]) {
    let shipped = orders.iter().filter(|order| order.shipment.is_some());
    let ids: Vec<Uuid> = shipped.map(|order| order.order_id).collect();
    if ids.is_empty() {
        return;
    }
    match app.clients(context).shipping.of_orders(&ids, TIMEOUT) {
        Ok(shipments) => {
            for (order_id, shipment) in shipments {
                if let Some(order) = orders.iter_mut().find(|order| order.order_id == order_id) {
                    order.shipment = Some(shipment);
                }
            }
        }
        Err(failure) => {
            let fields = json!({"cause": failure.to_string()});
            log::warn(
                context,
                "cannot read the current shipments; the orders show their last known status",
                fields,
            );
        }
    }
}
