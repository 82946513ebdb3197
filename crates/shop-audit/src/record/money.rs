//! Amounts of money, and the lines of orders and reservations.

use std::fmt;

use serde::Deserialize;

/// An amount of money in minor units, such as cents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Money {
    pub(crate) amount: i64,
    pub(crate) currency: String,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (minor units)", self.amount, self.currency)
    }
}

/// A line of an order or a reservation: the quantity of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
}

/// Merges lines with the same SKU, and sorts them by SKU.
pub(crate) fn merge_lines(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort();
    lines.dedup_by(|next, line| {
        let same = next.sku == line.sku;
        if same {
            line.quantity = line.quantity.saturating_add(next.quantity);
        }
        same
    });
    lines
}
