//! Payments and ledger entries by order.

use uuid::Uuid;

use super::describe::list;
use super::grouping::{Groups, group, group_by};
use crate::record::{EntryKind, LedgerEntry, Money, Order, Payment};
use crate::snapshot::Snapshot;

/// The payments of each order, and the processor's entries for them.
pub(super) struct Charges<'a> {
    payments: Groups<'a, Uuid, Payment>,
    entries: Option<Groups<'a, &'a str, LedgerEntry>>,
}

impl<'a> Charges<'a> {
    pub(super) fn from_snapshot(snapshot: &'a Snapshot) -> Self {
        let entries = snapshot.entries.as_ref();
        Self {
            payments: group_by(&snapshot.payments, |payment| payment.order_id),
            entries: entries.map(|entries| group_by(entries, |entry| entry.reference.as_str())),
        }
    }

    pub(super) fn payments(&self, order_id: Uuid) -> &[&'a Payment] {
        group(&self.payments, &order_id)
    }

    /// `None` if there is no ledger.
    pub(super) fn entries(&self, order_id: Uuid) -> Option<Vec<&'a LedgerEntry>> {
        let entries = self.entries.as_ref()?;
        let references = self.payments(order_id).iter();
        let references = references.map(|payment| payment.payment_id.to_string());
        let of_order = references.filter_map(|reference| entries.get(reference.as_str()));
        Some(of_order.flatten().copied().collect())
    }
}

/// Whether an entry took or returned money.
pub(super) fn moves_money(entry: &LedgerEntry) -> bool {
    matches!(entry.kind, EntryKind::Capture | EntryKind::Refund)
}

/// Number of entries of a kind.
pub(super) fn count(entries: &[&LedgerEntry], kind: EntryKind) -> i64 {
    let of_kind = entries.iter().filter(|entry| entry.kind == kind);
    i64::try_from(of_kind.count()).unwrap_or(i64::MAX)
}

/// Whether as much was refunded as captured, in the order's currency.
pub(super) fn balanced(order: &Order, entries: &[&LedgerEntry]) -> bool {
    let mut sum = 0_i128;
    for entry in entries.iter().filter(|entry| moves_money(entry)) {
        let amount = match &entry.amount {
            Some(money) if money.currency == order.total.currency => i128::from(money.amount),
            _ => return false,
        };
        sum += if entry.kind == EntryKind::Capture {
            amount
        } else {
            -amount
        };
    }
    sum == 0
}

/// `capture of 100 EUR (minor units), refund of ...`
pub(super) fn ledger(entries: &[&LedgerEntry]) -> String {
    let word =
        |entry: &&LedgerEntry| format!("{} of {}", entry.kind, written(entry.amount.as_ref()));
    list(entries.iter().map(word))
}

/// The amount; a decline does not have one.
pub(super) fn written(amount: Option<&Money>) -> String {
    amount.map_or_else(|| "no amount".to_owned(), Money::to_string)
}
