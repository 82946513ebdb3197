//! Orders by outcome.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::orders::{OrderRecord, Outcome};

/// Orders by outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// Paid and shipped.
    pub confirmed: u64,
    /// The card was declined.
    pub declined: u64,
    /// Not enough was in stock.
    pub out_of_stock: u64,
    /// Cancelled because a service did not answer.
    pub cancelled: u64,
    /// Rejected unexpectedly.
    pub refused: u64,
    /// Without a result when the buyer gave up: the shop may have them or not.
    pub unknown: u64,
    /// Repeats of orders without a result.
    pub repeats: u64,
    /// Total of the confirmed orders in minor units, by currency.
    pub money: BTreeMap<String, u128>,
}

impl Orders {
    pub(super) fn from_book(book: &[OrderRecord]) -> Self {
        let count = |outcome| book.iter().filter(|order| order.outcome == outcome).count() as u64;
        let mut money = BTreeMap::new();
        for total in book.iter().filter_map(|order| order.total.as_ref()) {
            *money.entry(total.currency.clone()).or_default() += u128::from(total.amount);
        }
        Self {
            confirmed: count(Outcome::Confirmed),
            declined: count(Outcome::Declined),
            out_of_stock: count(Outcome::OutOfStock),
            cancelled: count(Outcome::Cancelled),
            refused: count(Outcome::Refused),
            unknown: count(Outcome::Unknown),
            repeats: book
                .iter()
                .map(|o| u64::from(o.attempts.saturating_sub(1)))
                .sum(),
            money,
        }
    }
}
