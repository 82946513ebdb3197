//! Stock, its ledger, and reservations.

use serde::Deserialize;
use uuid::Uuid;

use super::instant::Instant;
use super::money::Line;
use super::status::ReservationStatus;

/// An item of `GET /items`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Item {
    pub(crate) sku: String,
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) available: i64,
}

/// The sums of `GET /items/{sku}/ledger`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StockLedger {
    pub(crate) supplied: i64,
    pub(crate) sold: i64,
    pub(crate) returned: i64,
}

impl StockLedger {
    /// The stock on hand that the ledger implies.
    pub(crate) fn on_hand(&self) -> i128 {
        i128::from(self.supplied) - i128::from(self.sold) + i128::from(self.returned)
    }
}

/// A reservation of `GET /reservations`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Reservation {
    pub(crate) order_id: Uuid,
    pub(crate) status: ReservationStatus,
    pub(crate) lines: Vec<Line>,
    pub(crate) expires_at: Instant,
}
