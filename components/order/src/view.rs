//! The format of an order in responses and events.

use serde::Serialize;
use serde_json::{Value, json};
use stoa_service::money::Money;
use stoa_service::time::rfc3339;
use uuid::Uuid;

use crate::domain::{Direction, EntryStatus, Item, Order, Reason, Shipment, Status, StepName};

/// An order as its customer sees it.
#[derive(Debug, Serialize)]
pub struct View {
    /// The order's id. A later order has a greater id.
    pub order_id: Uuid,
    status: Status,
    items: Vec<Item>,
    total: Money,
    payment: Option<PaymentView>,
    shipment: Option<Shipment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    timeline: Vec<EntryView>,
    created_at: String,
}

#[derive(Debug, Serialize)]
struct PaymentView {
    payment_id: Uuid,
    status: String,
    method: &'static str,
}

#[derive(Debug, Serialize)]
struct EntryView {
    step: StepName,
    status: EntryStatus,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<Order> for View {
    fn from(order: Order) -> Self {
        let timeline = order.timeline.into_iter().map(|entry| EntryView {
            step: entry.step,
            status: entry.status,
            at: rfc3339(entry.at),
            detail: entry.detail,
        });
        Self {
            order_id: order.order_id,
            status: order.status,
            items: order.items,
            total: order.total,
            payment: order.payment.map(|payment| PaymentView {
                payment_id: payment.payment_id,
                status: payment.status,
                method: "card",
            }),
            shipment: order.shipment,
            reason: order.failure.map(|failure| failure.reason),
            timeline: timeline.collect(),
            created_at: rfc3339(order.created_at),
        }
    }
}

/// An order as an operator sees it: the customer's view, and the internal state of the saga.
#[derive(Debug, Serialize)]
pub struct OperatorView {
    /// The order as its customer sees it.
    #[serde(flatten)]
    pub view: View,
    user_id: Uuid,
    direction: Direction,
    step: StepName,
    lease_until: String,
}

impl From<Order> for OperatorView {
    fn from(order: Order) -> Self {
        Self {
            user_id: order.customer.user_id,
            direction: order.direction,
            step: order.step.clone(),
            lease_until: rfc3339(order.lease.until),
            view: order.into(),
        }
    }
}

/// The payload of an order's events.
pub fn event_data(order: &Order) -> Value {
    json!({
        "order_id": order.order_id,
        "user_id": order.customer.user_id,
        "email": order.customer.email,
        "name": order.customer.name,
        "phone": order.customer.phone,
        "total": order.total,
        "items": order.items,
        "tracking_number": order.shipment.as_ref().and_then(|s| s.tracking_number.as_ref()),
        "reason": order.failure.as_ref().map(|f| f.reason),
    })
}
