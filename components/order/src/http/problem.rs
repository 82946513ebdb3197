//! Maps each error to the status and the code of its response.

use http::StatusCode;
use serde_json::json;
use stoa_service::Problem;

use crate::domain::{Failure, Reason};
use crate::error::Error;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use StatusCode as S;
        let detail = error.to_string();
        let unprocessable = |code: &'static str| Self::new(S::UNPROCESSABLE_ENTITY, code, &*detail);
        let unavailable = |code: &'static str| Self::new(S::SERVICE_UNAVAILABLE, code, &*detail);
        match error {
            Error::Invalid(error) => error.into(),
            Error::UnknownItems(skus) => unprocessable("unknown_item").with("skus", json!(skus)),
            Error::UnpricedItems(skus) => unprocessable("unpriced_item").with("skus", skus),
            Error::PricingBroken(cause) => {
                Self::new(S::INTERNAL_SERVER_ERROR, "internal", detail).caused_by(cause)
            }
            Error::PriceChanged(total) => {
                Self::conflict("price_changed", detail).with("total", json!(total))
            }
            Error::EmptyCart => unprocessable("empty_cart"),
            Error::CartInOrder(order_id) => {
                let problem = Self::conflict("cart_in_order", detail).retry_after(2);
                match order_id {
                    Some(order_id) => problem.with("order_id", order_id.to_string()),
                    None => problem,
                }
            }
            Error::KeyReused => unprocessable("idempotency_key_reused"),
            Error::KeyInProgress => Self::conflict("request_in_progress", detail).retry_after(1),
            // The status is 503, not 409, because it is not decided yet how the order ends.
            Error::LeaseLost(order_id) => unavailable("order_in_progress")
                .retry_after(5)
                .with("order_id", order_id.to_string()),
            Error::ChargeUndecided(order_id) => unavailable("order_pending")
                .retry_after(2)
                .with("order_id", order_id.to_string()),
            Error::Failed {
                order_id, failure, ..
            } => failed(&failure, detail).with("order_id", order_id.to_string()),
            Error::InProgress(_) => Self::conflict("order_in_progress", detail).retry_after(2),
            Error::CancellationPending(order_id) => {
                Self::unavailable(detail).with("order_id", order_id.to_string())
            }
            Error::HandedOver(_) => Self::conflict("handed_over", detail),
            Error::NotFound(_) => Self::not_found(detail),
            Error::Changed => Self::unavailable(detail),
            Error::UnknownStep { order_id, .. } => Self::unavailable(
                "this release cannot continue the order; repeat the request later",
            )
            .caused_by(detail)
            .with("order_id", order_id.to_string()),
            Error::Unwritten { order_id, source } => {
                Self::from(source).with("order_id", order_id.to_string())
            }
            Error::Peer(error) => error.into(),
            Error::Database(error) => error.into(),
        }
    }
}

/// The problem document for an order that was, or is being, cancelled.
fn failed(failure: &Failure, detail: String) -> Problem {
    let (status, code) = match failure.reason {
        Reason::PaymentDeclined => (StatusCode::PAYMENT_REQUIRED, "payment_declined"),
        Reason::PaymentRefused => (StatusCode::UNPROCESSABLE_ENTITY, "payment_refused"),
        Reason::InsufficientStock => (StatusCode::CONFLICT, "insufficient_stock"),
        Reason::AddressRefused => (StatusCode::UNPROCESSABLE_ENTITY, "address_refused"),
        Reason::CancelledByCustomer | Reason::CancelledByOperator => {
            (StatusCode::CONFLICT, "order_cancelled")
        }
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
    problem
}
