//! Errors: a variant for each case that a caller can act on. `http.rs` gives each its status and code.

use stoa_service::sql::SqlError;
use stoa_service::text::shorten;
use stoa_service::{Invalid, Sku};
use uuid::Uuid;

/// An operation that changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No item has this SKU.
    #[error("sku: `{}` is not stocked", shorten(.0))]
    NotStocked(String),
    /// A new count was sent without the count on which it is based.
    #[error(
        "If-Match: `{sku}` is stocked; send the ETag of the count that yours is based on, or *"
    )]
    CountRequired {
        /// The item.
        sku: Sku,
        /// Its count now.
        on_hand: i64,
    },
    /// The count on which a new one is based has changed.
    #[error("If-Match: {on_hand} of `{sku}` are on hand now; count again")]
    CountChanged {
        /// The item.
        sku: Sku,
        /// Its count now.
        on_hand: i64,
    },
    /// A new count is based on a count of an item that is not stocked.
    #[error("If-Match: `{0}` is not stocked yet; leave the header out")]
    NothingToMatch(Sku),
    /// A new count is lower than the units that are reserved.
    #[error("on_hand: {on_hand} is less than the {reserved} that are reserved")]
    BelowReserved {
        /// The new count.
        on_hand: u32,
        /// Units that are reserved.
        reserved: i64,
    },
    /// The order has no reservation.
    #[error("order_id: {0} has no reservation")]
    NoReservation(Uuid),
    /// The order has reserved other lines.
    #[error("order_id: {0} has a reservation of other lines")]
    ReservationDiffers(Uuid),
    /// The reservation is in a final status.
    #[error("order_id: the reservation of {order_id} is {status}")]
    ReservationClosed {
        /// The order.
        order_id: Uuid,
        /// The reservation's status.
        status: &'static str,
    },
    /// Some lines need more units than are available.
    #[error("lines: not enough in stock of {}", skus(.0))]
    InsufficientStock(Vec<Shortage>),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}

/// A line that needs more units than are available.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Shortage {
    /// The item.
    pub sku: Sku,
    /// Units of the line.
    pub quantity: u32,
    /// Available units; 0 if the item is not stocked.
    pub available: i64,
}

fn skus(short: &[Shortage]) -> String {
    let skus: Vec<&str> = short.iter().map(|line| line.sku.as_str()).collect();
    skus.join(", ")
}
