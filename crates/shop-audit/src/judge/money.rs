//! Compares payments with the orders, and with the card processor's ledger if it was read.

use std::collections::HashMap;

use super::charges::{
    Charges, count_kind, describe_amount, describe_entries, is_fully_refunded, moves_money,
};
use super::describe::{comma_separated, order_name};
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
        judgement.count_checked();
        let subject = || format!("capture {} of {}", entry.entry_id, entry.reference);
        let captured = describe_amount(entry.amount.as_ref());
        match payments.get(&entry.reference) {
            None => judgement.add_breach(
                subject(),
                "a payment whose id is the capture's reference",
                captured,
            ),
            Some(payment) if entry.amount.as_ref() != Some(&payment.amount) => {
                judgement.add_breach(subject(), payment.amount.to_string(), captured);
            }
            Some(_) => {}
        }
    }
    for payment in &snapshot.payments {
        judgement.count_checked();
        let subject = || format!("payment {}", payment.payment_id);
        let found = || format!("a {} payment of {}", payment.status, payment.amount);
        match snapshot.orders.get(&payment.order_id) {
            None => {
                let expected = format!("{} to exist", order_name(payment.order_id));
                judgement.add_breach(subject(), expected, found());
            }
            Some(order) if order.total != payment.amount => {
                let expected = format!("{}, the total of order {}", order.total, order.order_id);
                judgement.add_breach(subject(), expected, found());
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
        judgement.count_checked();
        let kept = match money.entries(*order_id) {
            Some(entries) => {
                count_kind(&entries, EntryKind::Capture) - count_kind(&entries, EntryKind::Refund)
            }
            None => {
                let captured = |payment: &&&Payment| payment.status == PaymentStatus::Captured;
                let payments = money.payments(*order_id).iter();
                i64::try_from(payments.filter(captured).count()).unwrap_or(i64::MAX)
            }
        };
        if !(0..=1).contains(&kept) {
            let found = format!("captures minus refunds = {kept}");
            let expected =
                "at most one capture that is not refunded, and no refund without a capture";
            judgement.add_breach(order_name(*order_id), expected, found);
        }
    }
}

pub(crate) fn confirmed_is_paid(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let money = Charges::from_snapshot(snapshot);
    for order in snapshot.orders_that_stayed(OrderStatus::Confirmed) {
        judgement.count_checked();
        let subject = || order_name(order.order_id);
        let payments = money.payments(order.order_id);
        let paid = matches!(payments, [one] if one.status == PaymentStatus::Captured);
        if !paid {
            let found = comma_separated(payments.iter().map(|payment| payment.status));
            judgement.add_breach(subject(), "one payment, with status captured", found);
        }
        let Some(entries) = money.entries(order.order_id) else {
            continue;
        };
        let booked: Vec<_> = entries.iter().filter(|e| moves_money(e)).collect();
        let captured_once = matches!(booked.as_slice(), [one]
            if one.kind == EntryKind::Capture && one.amount.as_ref() == Some(&order.total));
        if !captured_once && paid {
            let expected = format!("one capture of {} at the processor", order.total);
            judgement.add_breach(subject(), expected, describe_entries(&entries));
        }
    }
}

pub(crate) fn cancelled_costs_nothing(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let money = Charges::from_snapshot(snapshot);
    for order in snapshot.orders_that_stayed(OrderStatus::Cancelled) {
        judgement.count_checked();
        let subject = || order_name(order.order_id);
        let payments = money.payments(order.order_id);
        let open = |payment: &&&Payment| {
            matches!(
                payment.status,
                PaymentStatus::Pending | PaymentStatus::Captured
            )
        };
        if payments.iter().any(|payment| open(&payment)) {
            let found = comma_separated(payments.iter().map(|payment| payment.status));
            let expected = "no payment, or only declined, refunded or voided payments";
            judgement.add_breach(subject(), expected, found);
        } else if let Some(entries) = money.entries(order.order_id)
            && !is_fully_refunded(order, &entries)
        {
            let expected = "equal captured and refunded amounts at the processor";
            judgement.add_breach(subject(), expected, describe_entries(&entries));
        }
    }
}
