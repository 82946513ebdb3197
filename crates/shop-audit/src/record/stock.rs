//! The records of stock, of the stock ledgers, and of reservations.

use serde::Deserialize;
use uuid::Uuid;

use super::instant::Instant;
use super::money::Line;
use super::status::ReservationStatus;

/// An item in the response to `GET /items`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Item {
    pub(crate) sku: String,
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) available: i64,
}

/// The response to `GET /items/{sku}/ledger`: sums of units.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StockLedger {
    pub(crate) supplied: i64,
    pub(crate) sold: i64,
    pub(crate) returned: i64,
}

impl StockLedger {
    /// The stock on hand according to the ledger: supplied - sold + returned.
    pub(crate) fn on_hand(&self) -> i128 {
        i128::from(self.supplied) - i128::from(self.sold) + i128::from(self.returned)
    }
}

/// A reservation in the response to `GET /reservations`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Reservation {
    pub(crate) order_id: Uuid,
    pub(crate) status: ReservationStatus,
    pub(crate) lines: Vec<Line>,
    pub(crate) expires_at: Instant,
}
