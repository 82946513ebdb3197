//! An order as it is answered and told.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use stoa_service::Problem;
use stoa_service::money::Money;
use stoa_service::route::{self, Answer};
use stoa_service::time::rfc3339;
use uuid::Uuid;

use crate::domain::{Direction, Failure, Item, Order, Reason, Shipment, Status};

/// An order as its customer sees it.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its identity; later orders have greater ones.
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
    step: &'static str,
    status: &'static str,
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

/// An order as an operator sees it: the customer's view and how it is driven.
#[derive(Debug, Serialize)]
pub struct InsideView {
    /// The customer's view.
    #[serde(flatten)]
    pub view: View,
    user_id: Uuid,
    direction: Direction,
    step: &'static str,
    lease_until: String,
}

impl From<Order> for InsideView {
    fn from(order: Order) -> Self {
        Self {
            user_id: order.customer.user_id,
            direction: order.direction,
            step: order.step.word(),
            lease_until: rfc3339(order.lease.until),
            view: order.into(),
        }
    }
}

/// What the events of an order say.
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

/// What a submission is answered, wherever its order stands: the same to the first request and to a late repeat.
pub fn answer(order: Order) -> Answer {
    match (order.status, &order.failure) {
        (Status::Confirmed, _) => route::json(StatusCode::CREATED, &View::from(order)),
        (_, Some(failure)) => Err(refusal(&order, failure)),
        _ => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "order_pending",
            "it is not known yet whether the card was charged; repeat the request with the same Idempotency-Key",
        )
        .retry_after(2)
        .with("order_id", order.order_id.to_string())),
    }
}

/// A cancelled order, or one on its way there. A no stays a no even where the clearing up still goes on.
fn refusal(order: &Order, failure: &Failure) -> Problem {
    let order_id = order.order_id.to_string();
    let cancelled = if order.status == Status::Cancelled {
        "the order is cancelled and nothing is charged"
    } else {
        "the order is being cancelled; what was charged is refunded"
    };
    let detail = match failure.reason {
        Reason::Unavailable | Reason::Unresolved => format!("{}; {cancelled}", failure.detail),
        _ => failure.detail.clone(),
    };
    let (status, code) = match failure.reason {
        Reason::PaymentDeclined => (StatusCode::PAYMENT_REQUIRED, "payment_declined"),
        Reason::PaymentRefused => (StatusCode::UNPROCESSABLE_ENTITY, "payment_refused"),
        Reason::InsufficientStock => (StatusCode::CONFLICT, "insufficient_stock"),
        Reason::AddressRefused => (StatusCode::UNPROCESSABLE_ENTITY, "address_refused"),
        Reason::Customer | Reason::Operator => (StatusCode::CONFLICT, "order_cancelled"),
        Reason::Unavailable | Reason::Unresolved => {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        }
    };
    let mut problem = Problem::new(status, code, detail);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        problem = problem.retry_after(1);
    }
    for (name, value) in &failure.members {
        problem = problem.with(name, value.clone());
    }
    problem.with("order_id", order_id)
}
