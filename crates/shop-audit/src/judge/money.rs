//! Payments, compared with the orders, and with the card processor's ledger if there is one.

use std::collections::HashMap;

use super::charges::{Charges, balanced, count, ledger, moves_money, written};
use super::describe::{list, order};
use crate::judgement::Judgement;
use crate::options::Options;
use crate::record::{EntryKind, OrderStatus, Payment, PaymentStatus};
use crate::snapshot::Snapshot;

pub(crate) fn charge_has_order(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let payments: HashMap<String, &Payment> = snapshot
        .payments
        .iter()
        .map(|payment| (payment.payment_id.to_string(), payment))
        .collect();
    let entries = snapshot.entries.iter().flatten();
    for entry in entries.filter(|entry| entry.kind == EntryKind::Capture) {
        judgement.count();
        let subject = || format!("capture {} of {}", entry.entry_id, entry.reference);
        let captured = written(entry.amount.as_ref());
        match payments.get(&entry.reference) {
            None => judgement.breach(subject(), "a payment of that id", captured),
            Some(payment) if entry.amount.as_ref() != Some(&payment.amount) => {
                judgement.breach(subject(), payment.amount.to_string(), captured);
            }
            Some(_) => {}
        }
    }
    for payment in &snapshot.payments {
        judgement.count();
        let subject = || format!("payment {}", payment.payment_id);
        let found = || format!("{} over {}", payment.status, payment.amount);
        match snapshot.orders.get(&payment.order_id) {
            None => {
                let expected = format!("an {}", order(payment.order_id));
                judgement.breach(subject(), expected, found());
            }
            Some(order) if order.total != payment.amount => {
                let expected = format!("{}, as order {}", order.total, order.order_id);
                judgement.breach(subject(), expected, found());
            }
            Some(_) => {}
        }
    }
}

pub(crate) fn charged_once(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let money = Charges::from_snapshot(snapshot);
    for order_id in snapshot.orders.keys() {
        if money.payments(*order_id).is_empty() {
            continue;
        }
        judgement.count();
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
            judgement.breach(order(*order_id), "none or one that is not refunded", found);
        }
    }
}

pub(crate) fn confirmed_is_paid(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let money = Charges::from_snapshot(snapshot);
    for order in snapshot.steady(OrderStatus::Confirmed) {
        judgement.count();
        let subject = || self::order(order.order_id);
        let payments = money.payments(order.order_id);
        let paid = matches!(payments, [one] if one.status == PaymentStatus::Captured);
        if !paid {
            let found = list(payments.iter().map(|payment| payment.status));
            judgement.breach(subject(), "one payment, captured", found);
        }
        let Some(entries) = money.entries(order.order_id) else {
            continue;
        };
        let booked: Vec<_> = entries.iter().filter(|e| moves_money(e)).collect();
        let right = matches!(booked.as_slice(), [one]
            if one.kind == EntryKind::Capture && one.amount.as_ref() == Some(&order.total));
        if !right && paid {
            let expected = format!("one capture of {} at the processor", order.total);
            judgement.breach(subject(), expected, ledger(&entries));
        }
    }
}

pub(crate) fn cancelled_costs_nothing(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let money = Charges::from_snapshot(snapshot);
    for order in snapshot.steady(OrderStatus::Cancelled) {
        judgement.count();
        let subject = || self::order(order.order_id);
        let payments = money.payments(order.order_id);
        let open = |payment: &&&Payment| {
            matches!(
                payment.status,
                PaymentStatus::Pending | PaymentStatus::Captured
            )
        };
        if payments.iter().any(|payment| open(&payment)) {
            let found = list(payments.iter().map(|payment| payment.status));
            let expected = "no payment, or one declined, refunded or voided";
            judgement.breach(subject(), expected, found);
        } else if let Some(entries) = money.entries(order.order_id)
            && !balanced(order, &entries)
        {
            let expected = "as much refunded as captured at the processor";
            judgement.breach(subject(), expected, ledger(&entries));
        }
    }
}
