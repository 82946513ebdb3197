//! The current state of parcels.

use std::time::Duration;

use serde_json::json;
use stoa_service::{Context, log};
use uuid::Uuid;

use crate::app::App;
use crate::domain::Order;

/// Timeout of one call: a reader does not wait longer for the state of their parcels.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Replaces the shipments of `orders` by shipping's current ones: the carrier reports to shipping, not to order. If shipping does
/// not answer, order's last known shipments stay.
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
            log::warn(context, "where parcels are is not known", fields);
        }
    }
}
