//! Payments and ledger entries by order.

use uuid::Uuid;

use super::describe::comma_separated;
use super::grouping::{Groups, group_by, records_of};
use crate::record::{EntryKind, LedgerEntry, Money, Order, Payment};
use crate::snapshot::Snapshot;

/// The payments of each order, and the entries for these payments in the processor's ledger.
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
        records_of(&self.payments, &order_id)
    }

    /// The processor's entries for the order's payments; `None` if the processor's ledger was not read.
    pub(super) fn entries(&self, order_id: Uuid) -> Option<Vec<&'a LedgerEntry>> {
        let entries = self.entries.as_ref()?;
        let references = self.payments(order_id).iter();
        let references = references.map(|payment| payment.payment_id.to_string());
        let of_order = references.filter_map(|reference| entries.get(reference.as_str()));
        Some(of_order.flatten().copied().collect())
    }
}

/// True if the entry moves money, that is, if it is a capture or a refund. Declines and voids move no money.
pub(super) fn moves_money(entry: &LedgerEntry) -> bool {
    matches!(entry.kind, EntryKind::Capture | EntryKind::Refund)
}

/// Number of entries of a kind.
pub(super) fn count_kind(entries: &[&LedgerEntry], kind: EntryKind) -> i64 {
    let of_kind = entries.iter().filter(|entry| entry.kind == kind);
    i64::try_from(of_kind.count()).unwrap_or(i64::MAX)
}

/// Whether the refunded amount equals the captured amount, in the order's currency.
pub(super) fn is_fully_refunded(order: &Order, entries: &[&LedgerEntry]) -> bool {
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

/// Describes ledger entries: `capture of 100 EUR (minor units), refund of ...`.
pub(super) fn describe_entries(entries: &[&LedgerEntry]) -> String {
    let describe = |entry: &&LedgerEntry| {
        format!(
            "{} of {}",
            entry.kind,
            describe_amount(entry.amount.as_ref())
        )
    };
    comma_separated(entries.iter().map(describe))
}

/// Describes an amount, such as `100 EUR (minor units)`. Entries of declines have no amount.
pub(super) fn describe_amount(amount: Option<&Money>) -> String {
    amount.map_or_else(|| "no amount".to_owned(), Money::to_string)
}
