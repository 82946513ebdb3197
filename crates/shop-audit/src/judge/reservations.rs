//! Reservations, compared with their orders.

use std::time::Duration;

use super::describe::{list, order};
use crate::judgement::Judgement;
use crate::options::Options;
use crate::record::{Line, OrderStatus, Reservation, ReservationStatus, joined};
use crate::snapshot::Snapshot;

/// Inventory releases expired reservations when a client reads the stock, a batch at a time; a minute of reads is enough for all.
const SWEEP_GRACE: Duration = Duration::from_secs(60);

pub(crate) fn reservation_has_order(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    for reservation in snapshot.reservations.after.values() {
        judgement.count();
        if snapshot.orders.contains_key(&reservation.order_id) {
            continue;
        }
        let owned = match reservation.status {
            // Its order appears later, or the reservation expires.
            ReservationStatus::Held => reservation.expires_at >= snapshot.began_at,
            ReservationStatus::Committed => false,
            // It no longer holds stock.
            _ => true,
        };
        if !owned {
            let subject = format!("reservation {}", reservation.order_id);
            judgement.breach(
                subject,
                "an order of that id, or an expiry in the future",
                describe(reservation),
            );
        }
    }
}

pub(crate) fn confirmed_is_committed(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    for confirmed in snapshot.steady(OrderStatus::Confirmed) {
        judgement.count();
        let expected = format!("committed: {}", lines(&confirmed.lines));
        match snapshot.reservations.after.get(&confirmed.order_id) {
            None => judgement.breach(order(confirmed.order_id), expected, "no reservation"),
            Some(reservation) => {
                let committed = reservation.status == ReservationStatus::Committed;
                if !committed || joined(reservation.lines.clone()) != confirmed.lines {
                    judgement.breach(order(confirmed.order_id), expected, describe(reservation));
                }
            }
        }
    }
}

pub(crate) fn cancelled_holds_nothing(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    for cancelled in snapshot.steady(OrderStatus::Cancelled) {
        judgement.count();
        let reservation = snapshot.reservations.after.get(&cancelled.order_id);
        let takes_stock = |r: &&Reservation| {
            matches!(
                r.status,
                ReservationStatus::Held | ReservationStatus::Committed
            )
        };
        if let Some(reservation) = reservation.filter(takes_stock) {
            let expected = "a reservation that is released, returned or expired, or none";
            judgement.breach(order(cancelled.order_id), expected, describe(reservation));
        }
    }
}

pub(crate) fn hold_expires(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let held = |r: &&Reservation| r.status == ReservationStatus::Held;
    for reservation in snapshot.reservations.after.values().filter(held) {
        judgement.count();
        if reservation.expires_at.age(snapshot.began_at) > SWEEP_GRACE {
            let subject = format!("reservation {}", reservation.order_id);
            judgement.breach(subject, "expired", describe(reservation));
        }
    }
}

fn describe(reservation: &Reservation) -> String {
    let (status, lines) = (reservation.status, lines(&reservation.lines));
    if status == ReservationStatus::Held {
        format!("{status} until {}: {lines}", reservation.expires_at)
    } else {
        format!("{status}: {lines}")
    }
}

fn lines(lines: &[Line]) -> String {
    list(lines.iter().map(|l| format!("{} x {}", l.quantity, l.sku)))
}
