//! The report's numbers of orders.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::orders::{OrderRecord, Outcome};

/// Numbers of orders, by outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// Orders that are paid and shipped.
    pub confirmed: u64,
    /// Orders whose card was declined.
    pub declined: u64,
    /// Orders with an item that was out of stock.
    pub out_of_stock: u64,
    /// Orders that the shop cancelled because a service did not respond.
    pub cancelled: u64,
    /// Orders that the shop rejected for an unexpected reason.
    pub refused: u64,
    /// Orders that had no result when the buyer gave up. The shop may have created such an order nevertheless.
    pub unknown: u64,
    /// Number of times that an order was sent again because it had no result yet.
    pub repeats: u64,
    /// Sum of the confirmed orders' totals in minor units, by currency.
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
