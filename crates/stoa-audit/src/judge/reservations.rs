//! Reservations, held against the orders that they are for.

use std::time::Duration;

use super::order;
use crate::auditor::Options;
use crate::look::Look;
use crate::record::{Line, OrderStatus, Reservation, ReservationStatus, joined};
use crate::verdict::Judgement;

/// What has run out is given back when the stock is next looked at, some of it at a time.
const GRACE: Duration = Duration::from_secs(60);

pub(crate) fn reservation_has_order(look: &Look, _: &Options, judgement: &mut Judgement) {
    for reservation in look.reservations.after.values() {
        judgement.look();
        if look.orders.contains_key(&reservation.order_id) {
            continue;
        }
        let owned = match reservation.status {
            // Whose it is will be known, or it runs out.
            ReservationStatus::Held => reservation.expires_at >= look.now,
            ReservationStatus::Committed => false,
            // Nothing hangs on it any more.
            _ => true,
        };
        if !owned {
            let subject = format!("reservation {}", reservation.order_id);
            judgement.fault(
                subject,
                "an order of that id, or an expiry ahead",
                said(reservation),
            );
        }
    }
}

pub(crate) fn confirmed_is_committed(look: &Look, _: &Options, judgement: &mut Judgement) {
    for confirmed in look.steady(OrderStatus::Confirmed) {
        judgement.look();
        let expected = format!("committed: {}", lines(&confirmed.lines));
        match look.reservations.after.get(&confirmed.order_id) {
            None => judgement.fault(order(confirmed.order_id), expected, "no reservation"),
            Some(reservation) => {
                let committed = reservation.status == ReservationStatus::Committed;
                if !committed || joined(reservation.lines.clone()) != confirmed.lines {
                    judgement.fault(order(confirmed.order_id), expected, said(reservation));
                }
            }
        }
    }
}

pub(crate) fn cancelled_holds_nothing(look: &Look, _: &Options, judgement: &mut Judgement) {
    for cancelled in look.steady(OrderStatus::Cancelled) {
        judgement.look();
        let reservation = look.reservations.after.get(&cancelled.order_id);
        let keeps = |r: &&Reservation| {
            matches!(
                r.status,
                ReservationStatus::Held | ReservationStatus::Committed
            )
        };
        if let Some(reservation) = reservation.filter(keeps) {
            let expected = "a reservation that is released, returned or expired, or none";
            judgement.fault(order(cancelled.order_id), expected, said(reservation));
        }
    }
}

pub(crate) fn hold_expires(look: &Look, _: &Options, judgement: &mut Judgement) {
    let held = |r: &&Reservation| r.status == ReservationStatus::Held;
    for reservation in look.reservations.after.values().filter(held) {
        judgement.look();
        if reservation.expires_at.age(look.now) > GRACE {
            let subject = format!("reservation {}", reservation.order_id);
            judgement.fault(subject, "expired", said(reservation));
        }
    }
}

fn said(reservation: &Reservation) -> String {
    let (status, lines) = (reservation.status, lines(&reservation.lines));
    if status == ReservationStatus::Held {
        format!("{status} until {}: {lines}", reservation.expires_at)
    } else {
        format!("{status}: {lines}")
    }
}

fn lines(lines: &[Line]) -> String {
    super::listed(lines.iter().map(|l| format!("{} x {}", l.quantity, l.sku)))
}
