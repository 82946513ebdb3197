//! Compares reservations with their orders.

use std::time::Duration;

use super::describe::{comma_separated, order_name};
use crate::judgement::Judgement;
use crate::options::Options;
use crate::record::{Line, OrderStatus, Reservation, ReservationStatus, merge_lines};
use crate::snapshot::Snapshot;

/// Time for which a reservation may still have the status `held` after it expired. The service `inventory` releases expired
/// reservations in batches: one batch each time that a client reads the stock. The reads of one minute are enough for all batches.
const SWEEP_GRACE: Duration = Duration::from_secs(60);

pub(crate) fn reservation_has_order(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    for reservation in snapshot.reservations.after.values() {
        judgement.count_checked();
        if snapshot.orders.contains_key(&reservation.order_id) {
            continue;
        }
        let sound = match reservation.status {
            // A held reservation that belongs to no order is correct: either its order is created later, or it expires.
            ReservationStatus::Held => reservation.expires_at >= snapshot.began_at,
            ReservationStatus::Committed => false,
            // Reservations with other statuses hold no stock.
            _ => true,
        };
        if !sound {
            let subject = format!("reservation {}", reservation.order_id);
            judgement.add_breach(
                subject,
                "an order with the reservation's order_id, or a hold that expires in the future",
                describe(reservation),
            );
        }
    }
}

pub(crate) fn confirmed_is_committed(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    for confirmed in snapshot.orders_that_stayed(OrderStatus::Confirmed) {
        judgement.count_checked();
        let expected = format!("committed: {}", describe_lines(&confirmed.lines));
        match snapshot.reservations.after.get(&confirmed.order_id) {
            None => {
                judgement.add_breach(order_name(confirmed.order_id), expected, "no reservation")
            }
            Some(reservation) => {
                let committed = reservation.status == ReservationStatus::Committed;
                if !committed || merge_lines(reservation.lines.clone()) != confirmed.lines {
                    let found = describe(reservation);
                    judgement.add_breach(order_name(confirmed.order_id), expected, found);
                }
            }
        }
    }
}

pub(crate) fn cancelled_holds_nothing(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    for cancelled in snapshot.orders_that_stayed(OrderStatus::Cancelled) {
        judgement.count_checked();
        let reservation = snapshot.reservations.after.get(&cancelled.order_id);
        let keeps_stock = |r: &&Reservation| {
            matches!(
                r.status,
                ReservationStatus::Held | ReservationStatus::Committed
            )
        };
        if let Some(reservation) = reservation.filter(keeps_stock) {
            let expected = "no reservation, or a released, returned or expired reservation";
            judgement.add_breach(
                order_name(cancelled.order_id),
                expected,
                describe(reservation),
            );
        }
    }
}

pub(crate) fn hold_expires(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let held = |r: &&Reservation| r.status == ReservationStatus::Held;
    for reservation in snapshot.reservations.after.values().filter(held) {
        judgement.count_checked();
        if reservation.expires_at.age(snapshot.began_at) > SWEEP_GRACE {
            let subject = format!("reservation {}", reservation.order_id);
            judgement.add_breach(
                subject,
                "a reservation with status expired",
                describe(reservation),
            );
        }
    }
}

fn describe(reservation: &Reservation) -> String {
    let (status, lines) = (reservation.status, describe_lines(&reservation.lines));
    if status == ReservationStatus::Held {
        format!("{status} until {}: {lines}", reservation.expires_at)
    } else {
        format!("{status}: {lines}")
    }
}

fn describe_lines(lines: &[Line]) -> String {
    let describe = |line: &Line| format!("{} x {}", line.quantity, line.sku);
    comma_separated(lines.iter().map(describe))
}
