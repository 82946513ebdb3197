//! Errors: a variant for each case that a caller can act on. `http.rs` gives each its status and code.
//!
//! The types of [`crate::domain`] never reject anything themselves, so this file may name them.

use stoa_service::money::Money;
use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use stoa_service::{Invalid, Sku};
use uuid::Uuid;

use crate::domain::Failure;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Some items are not in the catalogue.
    #[error("items: not in the catalogue: {}", list(.0))]
    UnknownItems(Vec<Sku>),
    /// Some items are in the catalogue but have no price.
    #[error("items: no price: {}", .0.join(", "))]
    UnpricedItems(Vec<String>),
    /// Pricing returned an unexpected answer: the cause.
    #[error("the order cannot be priced")]
    PricingBroken(String),
    /// The current total, which this is, differs from the one that the customer saw.
    #[error(
        "expected_total: the total is another one now; show it to the customer and order again"
    )]
    PriceChanged(Money),
    /// The request lists no items, and the cart is empty.
    #[error("items: none given, and the cart is empty")]
    EmptyCart,
    /// The request lists no items, and the cart belongs to a pending order: this one, if it is known.
    #[error("items: none given, and what is in the cart is being ordered already")]
    CartInOrder(Option<Uuid>),
    /// The key was used for another request.
    #[error("Idempotency-Key: was used for another request; use a new key for a new request")]
    KeyReused,
    /// Another request with this key is in progress.
    #[error("Idempotency-Key: the first request with this key is still in progress")]
    KeyInProgress,
    /// Another driver took over the order, or may take it over at any moment.
    #[error("the order is in progress; repeat the request with the same Idempotency-Key")]
    LeaseLost(Uuid),
    /// It is not known yet whether the card was charged.
    #[error(
        "it is not known yet whether the card was charged; repeat the request with the same Idempotency-Key"
    )]
    ChargeUndecided(Uuid),
    /// The order is cancelled, or is being cancelled.
    #[error("{}", failed_detail(.failure, *.cancelled))]
    Failed {
        /// The order.
        order_id: Uuid,
        /// Whether everything is already undone.
        cancelled: bool,
        /// Why.
        failure: Failure,
    },
    /// The order cannot be cancelled while it is driven.
    #[error("order_id: {0} is in progress")]
    InProgress(Uuid),
    /// The order is being cancelled, and not everything is undone yet.
    #[error("the order is being cancelled; repeat the request, or read the order later")]
    CancellationPending(Uuid),
    /// The carrier has the parcel, so the order stands.
    #[error("order_id: the carrier already has the parcel of {0}")]
    HandedOver(Uuid),
    /// The order does not exist, or belongs to another user: the caller must not learn which.
    #[error("order_id: there is no order {0}")]
    NotFound(Uuid),
    /// The order was written after it was read.
    #[error("the order changed meanwhile; repeat the request")]
    Changed,
    /// The order is at a step that this release does not have.
    #[error("order {order_id} stands at the step `{step}`, which this release does not have")]
    UnknownStep {
        /// The order.
        order_id: Uuid,
        /// The step's word.
        step: String,
    },
    /// A step of the order could not be written; recovery resumes it.
    #[error("the database does not answer")]
    Unwritten {
        /// The order.
        order_id: Uuid,
        /// Why.
        source: SqlError,
    },
    /// Another service failed; a retry may help.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}

/// If the failure was a decision, its sentence is complete; any other failure also states what happened to the money.
fn failed_detail(failure: &Failure, cancelled: bool) -> String {
    if !failure.reason.frees_key() {
        return failure.detail.clone();
    }
    let state = match cancelled {
        true => "the order is cancelled and nothing is charged",
        false => "the order is being cancelled; what was charged is refunded",
    };
    format!("{}; {state}", failure.detail)
}

fn list(skus: &[Sku]) -> String {
    let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    skus.join(", ")
}
