//! The errors of this service: one variant for each case that a caller can act on. `http.rs` maps each variant to a status and
//! code.

use stoa_service::sql::SqlError;
use stoa_service::text::shorten;
use stoa_service::{Invalid, Sku};
use uuid::Uuid;

/// The reason why a request failed. The failed request changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value in the request breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No item has this SKU.
    #[error("sku: `{}` is not stocked", shorten(.0))]
    NotStocked(String),
    /// A new count for a stocked item was sent without `If-Match`, so it is unknown from which count the caller derived the new
    /// count.
    #[error(
        "If-Match: missing, but `{sku}` is already stocked; send the ETag of the count that you read, or * to replace any count"
    )]
    CountRequired {
        /// The item's SKU.
        sku: Sku,
        /// The number of units on hand at the time of the request.
        on_hand: i64,
    },
    /// The item's count has changed since the caller read it, so the caller derived the new count from an outdated count.
    #[error(
        "If-Match: the count of `{sku}` has changed to {on_hand}; read the item and count again"
    )]
    CountChanged {
        /// The item's SKU.
        sku: Sku,
        /// The number of units on hand at the time of the request.
        on_hand: i64,
    },
    /// `If-Match` names an expected count, but the item is not stocked yet.
    #[error(
        "If-Match: the SKU `{0}` is not stocked yet, so it has no count to match; send the request without If-Match"
    )]
    NothingToMatch(Sku),
    /// A new count is lower than the number of reserved units.
    #[error("on_hand: {on_hand} is less than the {reserved} reserved units")]
    BelowReserved {
        /// The new count.
        on_hand: u32,
        /// Number of reserved units.
        reserved: i64,
    },
    /// The order has no reservation.
    #[error("order_id: order {0} has no reservation")]
    NoReservation(Uuid),
    /// The order already has a reservation, and its lines differ from the request's lines.
    #[error("order_id: order {0} already has a reservation with different lines")]
    ReservationDiffers(Uuid),
    /// The reservation's status does not allow the operation.
    #[error("order_id: the reservation of order {order_id} already has the status {status}")]
    ReservationClosed {
        /// The order's id.
        order_id: Uuid,
        /// The reservation's status.
        status: &'static str,
    },
    /// Some lines need more units than are available.
    #[error("lines: too few units of {} are available", skus(.0))]
    InsufficientStock(Vec<Shortage>),
    /// The database failed. A retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}

/// A line that needs more units than are available.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Shortage {
    /// The item's SKU.
    pub sku: Sku,
    /// Number of units that the line needs.
    pub quantity: u32,
    /// Number of available units; 0 if the item is not stocked.
    pub available: i64,
}

fn skus(short: &[Shortage]) -> String {
    let skus: Vec<&str> = short.iter().map(|line| line.sku.as_str()).collect();
    skus.join(", ")
}
