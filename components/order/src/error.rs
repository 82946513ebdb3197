//! Errors of requests, with one variant for each case that a caller can act on. `http/problem.rs` maps each variant to a status and
//! a code.
//!
//! This file may use the types of [`crate::domain`] without a circular dependency, because those types do not use this file's
//! errors.

use stoa_service::money::Money;
use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use stoa_service::{Invalid, Sku};
use uuid::Uuid;

use crate::domain::Failure;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value in the request breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Some items are not in the catalogue.
    #[error("items: these SKUs are not in the catalogue: {}", join_skus(.0))]
    UnknownItems(Vec<Sku>),
    /// Some items are in the catalogue but have no price.
    #[error("items: these SKUs have no price: {}", .0.join(", "))]
    UnpricedItems(Vec<String>),
    /// The component `pricing` returned an unexpected result. The value is the cause, for the log.
    #[error("cannot price the order")]
    PricingBroken(String),
    /// The current total differs from the total that the customer saw. The value is the current total.
    #[error(
        "expected_total: differs from the current total; show the current total to the customer and order again"
    )]
    PriceChanged(Money),
    /// The request lists no items, and the cart is empty.
    #[error("items: missing, and the cart is empty")]
    EmptyCart,
    /// The request lists no items, and another order claims the cart. The value is the id of that order, if it is known.
    #[error("items: missing, and the cart's items are already being ordered")]
    CartInOrder(Option<Uuid>),
    /// The idempotency key was used for another request.
    #[error("Idempotency-Key: was used for another request; use a new key for a new request")]
    KeyReused,
    /// Another request with the same idempotency key is in progress.
    #[error("Idempotency-Key: the first request with this key is still in progress")]
    KeyInProgress,
    /// Another driver took over the order, or may take it over at any moment.
    #[error("the order is in progress; repeat the request with the same Idempotency-Key")]
    LeaseLost(Uuid),
    /// The outcome of the charge is not known yet.
    #[error(
        "the outcome of the charge is not known yet; repeat the request with the same Idempotency-Key"
    )]
    ChargeUndecided(Uuid),
    /// The order is cancelled, or is being cancelled.
    #[error("{}", failed_detail(.failure, *.cancelled))]
    Failed {
        /// The order.
        order_id: Uuid,
        /// Whether all compensations are already done.
        cancelled: bool,
        /// The reason for the cancellation.
        failure: Failure,
    },
    /// The order cannot be cancelled while it has a driver.
    #[error("order_id: order {0} is in progress; repeat the request later")]
    InProgress(Uuid),
    /// The cancellation began, but some compensations are not done yet.
    #[error("the cancellation is still in progress; repeat the request, or read the order later")]
    CancellationPending(Uuid),
    /// The carrier already has the parcel, so the order stays confirmed.
    #[error(
        "order_id: the carrier already has the parcel of order {0}, so the order cannot be cancelled"
    )]
    HandedOver(Uuid),
    /// The order does not exist, or it belongs to another user. The caller must not learn which of the two is true.
    #[error("order_id: there is no order {0}")]
    NotFound(Uuid),
    /// Another request wrote the order after this request had read it.
    #[error("another request changed the order; repeat the request")]
    Changed,
    /// The order is at a step that this release does not have.
    #[error("order {order_id} is at the step `{step}`, which this release does not have")]
    UnknownStep {
        /// The order.
        order_id: Uuid,
        /// The step's name.
        step: String,
    },
    /// The database could not store a step of the order. Recovery resumes the order.
    #[error("cannot store a step of the order: {source}")]
    Unwritten {
        /// The order.
        order_id: Uuid,
        /// The error of the database.
        source: SqlError,
    },
    /// A call to another service failed. A retry may succeed.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The database failed. A retry may succeed.
    #[error(transparent)]
    Database(#[from] SqlError),
}

/// The detail of the problem document for a failed order. If the failure frees the idempotency key, the detail also states whether
/// the customer is charged.
fn failed_detail(failure: &Failure, cancelled: bool) -> String {
    if !failure.reason.frees_key() {
        return failure.detail.clone();
    }
    let state = match cancelled {
        true => "the order is cancelled, and the card is not charged",
        false => "the order is being cancelled, and any charge will be refunded",
    };
    format!("{}; {state}", failure.detail)
}

fn join_skus(skus: &[Sku]) -> String {
    let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    skus.join(", ")
}
