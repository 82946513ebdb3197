//! Payments, held against the card processor's ledger where that can be read, and against the orders.

use std::collections::HashMap;

use uuid::Uuid;

use super::{by, listed, of, order};
use crate::auditor::Options;
use crate::look::Look;
use crate::record::{EntryKind, LedgerEntry, Money, Order, OrderStatus, Payment, PaymentStatus};
use crate::verdict::Judgement;

pub(crate) fn charge_has_order(look: &Look, _: &Options, judgement: &mut Judgement) {
    let payments: HashMap<String, &Payment> = look
        .payments
        .iter()
        .map(|payment| (payment.payment_id.to_string(), payment))
        .collect();
    let entries = look.entries.iter().flatten();
    for entry in entries.filter(|entry| entry.kind == EntryKind::Capture) {
        judgement.look();
        let subject = || format!("capture {} of {}", entry.entry_id, entry.reference);
        let captured = written(entry.amount.as_ref());
        match payments.get(&entry.reference) {
            None => judgement.fault(subject(), "a payment of that id", captured),
            Some(payment) if entry.amount.as_ref() != Some(&payment.amount) => {
                judgement.fault(subject(), payment.amount.to_string(), captured);
            }
            Some(_) => {}
        }
    }
    for payment in &look.payments {
        judgement.look();
        let subject = || format!("payment {}", payment.payment_id);
        let found = || format!("{} over {}", payment.status, payment.amount);
        match look.orders.get(&payment.order_id) {
            None => {
                let expected = format!("an {}", order(payment.order_id));
                judgement.fault(subject(), expected, found());
            }
            Some(order) if order.total != payment.amount => {
                let expected = format!("{}, as order {}", order.total, order.order_id);
                judgement.fault(subject(), expected, found());
            }
            Some(_) => {}
        }
    }
}

pub(crate) fn charged_once(look: &Look, _: &Options, judgement: &mut Judgement) {
    let money = Charges::of(look);
    for order_id in look.orders.keys() {
        if money.payments(*order_id).is_empty() {
            continue;
        }
        judgement.look();
        let kept = match money.entries(*order_id) {
            Some(entries) => {
                count(&entries, EntryKind::Capture) - count(&entries, EntryKind::Refund)
            }
            None => {
                let captured = |payment: &&&Payment| payment.status == PaymentStatus::Captured;
                let payments = money.payments(*order_id).iter();
                i64::try_from(payments.filter(captured).count()).unwrap_or(i64::MAX)
            }
        };
        if !(0..=1).contains(&kept) {
            let found = format!("{kept} captures more than refunds");
            judgement.fault(order(*order_id), "none or one that is not refunded", found);
        }
    }
}

pub(crate) fn confirmed_is_paid(look: &Look, _: &Options, judgement: &mut Judgement) {
    let money = Charges::of(look);
    for order in look.steady(OrderStatus::Confirmed) {
        judgement.look();
        let subject = || super::order(order.order_id);
        let payments = money.payments(order.order_id);
        let paid = matches!(payments, [one] if one.status == PaymentStatus::Captured);
        if !paid {
            let found = listed(payments.iter().map(|payment| payment.status));
            judgement.fault(subject(), "one payment, captured", found);
        }
        let Some(entries) = money.entries(order.order_id) else {
            continue;
        };
        let booked: Vec<_> = entries.iter().filter(|e| moves_money(e)).collect();
        let right = matches!(booked.as_slice(), [one]
            if one.kind == EntryKind::Capture && one.amount.as_ref() == Some(&order.total));
        if !right && paid {
            let expected = format!("one capture of {} at the processor", order.total);
            judgement.fault(subject(), expected, ledger(&entries));
        }
    }
}

pub(crate) fn cancelled_costs_nothing(look: &Look, _: &Options, judgement: &mut Judgement) {
    let money = Charges::of(look);
    for order in look.steady(OrderStatus::Cancelled) {
        judgement.look();
        let subject = || super::order(order.order_id);
        let payments = money.payments(order.order_id);
        let open = |payment: &&&Payment| {
            matches!(
                payment.status,
                PaymentStatus::Pending | PaymentStatus::Captured
            )
        };
        if payments.iter().any(|payment| open(&payment)) {
            let found = listed(payments.iter().map(|payment| payment.status));
            let expected = "no payment, or one declined, refunded or voided";
            judgement.fault(subject(), expected, found);
        } else if let Some(entries) = money.entries(order.order_id)
            && !balanced(order, &entries)
        {
            let expected = "as much refunded as captured at the processor";
            judgement.fault(subject(), expected, ledger(&entries));
        }
    }
}

/// The payments of each order, and what the processor booked for them.
struct Charges<'a> {
    payments: HashMap<Uuid, Vec<&'a Payment>>,
    entries: Option<HashMap<&'a str, Vec<&'a LedgerEntry>>>,
}

impl<'a> Charges<'a> {
    fn of(look: &'a Look) -> Self {
        let entries = look.entries.as_ref();
        Self {
            payments: by(&look.payments, |payment| payment.order_id),
            entries: entries.map(|entries| by(entries, |entry| entry.reference.as_str())),
        }
    }

    fn payments(&self, order_id: Uuid) -> &[&'a Payment] {
        of(&self.payments, &order_id)
    }

    /// `None` where there is no ledger to be read.
    fn entries(&self, order_id: Uuid) -> Option<Vec<&'a LedgerEntry>> {
        let entries = self.entries.as_ref()?;
        let references = self.payments(order_id).iter();
        let references = references.map(|payment| payment.payment_id.to_string());
        let of_order = references.filter_map(|reference| entries.get(reference.as_str()));
        Some(of_order.flatten().copied().collect())
    }
}

fn moves_money(entry: &LedgerEntry) -> bool {
    matches!(entry.kind, EntryKind::Capture | EntryKind::Refund)
}

fn count(entries: &[&LedgerEntry], kind: EntryKind) -> i64 {
    let of_kind = entries.iter().filter(|entry| entry.kind == kind);
    i64::try_from(of_kind.count()).unwrap_or(i64::MAX)
}

/// Whether all that was taken came back, in the order's currency.
fn balanced(order: &Order, entries: &[&LedgerEntry]) -> bool {
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

fn ledger(entries: &[&LedgerEntry]) -> String {
    let word =
        |entry: &&LedgerEntry| format!("{} of {}", entry.kind, written(entry.amount.as_ref()));
    listed(entries.iter().map(word))
}

fn written(amount: Option<&Money>) -> String {
    amount.map_or_else(|| "no amount".to_owned(), Money::to_string)
}
