//! The client of the service `payment`.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::json;
use stoa_service::outbound::{Caller, Peer};
use uuid::Uuid;

use super::outcome::{CallFailure, read, send};
use crate::domain::{Order, Payment};

/// Timeout of a charge. It is longer than the timeouts of the other forward steps, because a charge takes longer. All forward steps
/// together still end within the time limit of a request (30 s).
const CHARGE_TIMEOUT: Duration = Duration::from_secs(8);
/// Timeout of a call that refunds or looks up a payment. All compensations together may take longer than the time limit of a
/// request, because recovery finishes them.
const UNDO_TIMEOUT: Duration = Duration::from_secs(4);

/// The client of the service `payment`.
pub struct PaymentClient<'a>(Peer<'a>);

#[derive(Deserialize)]
struct PaymentView {
    payment_id: Uuid,
    status: String,
}

impl From<PaymentView> for Payment {
    fn from(view: PaymentView) -> Self {
        Self {
            payment_id: view.payment_id,
            status: view.status,
        }
    }
}

impl<'a> PaymentClient<'a> {
    /// A client of the service `payment` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("the payment service", url, UNDO_TIMEOUT))
    }

    /// Charges the order's total to the customer's card.
    pub fn charge(&self, order: &Order) -> Result<Payment, CallFailure> {
        let body = json!({"order_id": order.order_id, "amount": order.total, "method": "card",
            "card_token": order.card_token});
        let call = self
            .0
            .call(Method::POST, "/payments")
            .idempotency_key(&order.call_key("charge"))
            .json(&body)
            .timeout(CHARGE_TIMEOUT);
        let payment: PaymentView = read(&send(&self.0, call)?)?;
        if payment.status == "captured" {
            Ok(payment.into())
        } else {
            Err(CallFailure::Unknown {
                cause: format!(
                    "payment {} has the status {}, expected captured",
                    payment.payment_id, payment.status
                ),
                in_flight: false,
            })
        }
    }

    /// Looks up the payment of an order; `None` if the order has no payment.
    pub fn of_order(&self, order_id: Uuid) -> Result<Option<Payment>, CallFailure> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<PaymentView>,
        }
        let path = format!("/payments?order_id={order_id}");
        let page: Page = read(&send(&self.0, self.0.call(Method::GET, &path))?)?;
        Ok(page.items.into_iter().next().map(Payment::from))
    }

    /// Refunds the payment if it is captured. If not, voids the payment, so that it can never be charged.
    pub fn refund(&self, order: &Order, payment_id: Uuid) -> Result<Payment, CallFailure> {
        let path = format!("/payments/{payment_id}/refund");
        let call = self
            .0
            .call(Method::POST, &path)
            .idempotency_key(&order.call_key("refund"))
            .json(&json!({}));
        let payment: PaymentView = read(&send(&self.0, call)?)?;
        Ok(payment.into())
    }
}
