//! Shipments, compared with the orders, and with the carrier's book if there is one.

use std::collections::HashSet;

use super::describe::{list, order};
use super::shipped::{Shipped, describe};
use crate::judgement::Judgement;
use crate::options::Options;
use crate::record::{OrderStatus, Parcel, ShipmentStatus};
use crate::snapshot::Snapshot;

pub(crate) fn parcel_has_order(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let shipments: HashSet<_> = snapshot
        .shipments
        .iter()
        .map(|shipment| shipment.shipment_id.to_string())
        .collect();
    for parcel in snapshot.parcels.iter().flatten() {
        judgement.count();
        if !shipments.contains(&parcel.reference) {
            let subject = format!("parcel {} of {}", parcel.tracking_number, parcel.reference);
            judgement.breach(subject, "a shipment of that id", parcel.status.to_string());
        }
    }
    for shipment in &snapshot.shipments {
        judgement.count();
        if !snapshot.orders.contains_key(&shipment.order_id) {
            let subject = format!("shipment {}", shipment.shipment_id);
            let expected = format!("an {}", order(shipment.order_id));
            judgement.breach(subject, expected, shipment.status.to_string());
        }
    }
}

pub(crate) fn confirmed_is_shipped(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let shipped = Shipped::from_snapshot(snapshot);
    for confirmed in snapshot.steady(OrderStatus::Confirmed) {
        judgement.count();
        let subject = || order(confirmed.order_id);
        let shipments = shipped.shipments(confirmed.order_id);
        let mut alive = shipments.iter().filter(|s| s.status.is_alive());
        let (Some(shipment), None) = (alive.next(), alive.next()) else {
            let found = list(shipments.iter().map(|s| s.status));
            judgement.breach(subject(), "one shipment on its way", found);
            continue;
        };
        let Some(parcels) = shipped.parcels(shipments) else {
            continue;
        };
        let number = shipment.tracking_number.as_ref();
        let mut alive = parcels.iter().filter(|p| p.status.is_alive());
        let (one, more) = (alive.next(), alive.next());
        let known = |parcel: &&&Parcel| number.is_none_or(|n| *n == parcel.tracking_number);
        if one.filter(known).is_none() || more.is_some() {
            let number = number.map_or("", String::as_str);
            let expected = format!("one parcel {number} on its way at the carrier");
            judgement.breach(subject(), expected, describe(&parcels));
        }
    }
}

/// A task for an operator rather than a fault of the program: only a person can inspect the goods that came back.
pub(crate) fn returned_is_refunded(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let shipped = Shipped::from_snapshot(snapshot);
    for confirmed in snapshot.steady(OrderStatus::Confirmed) {
        judgement.count();
        let shipments = shipped.shipments(confirmed.order_id);
        if shipments
            .iter()
            .any(|s| s.status == ShipmentStatus::Returned)
        {
            let expected = format!(
                "a refund, by POST /internal/orders/{}/cancel, once an operator has inspected the goods",
                confirmed.order_id
            );
            judgement.breach(order(confirmed.order_id), expected, "a returned parcel");
        }
    }
}

pub(crate) fn cancelled_ships_nothing(
    snapshot: &Snapshot,
    options: &Options,
    judgement: &mut Judgement,
) {
    use ShipmentStatus::{Cancelled, Created, Refused, Returned};
    let shipped = Shipped::from_snapshot(snapshot);
    for cancelled in snapshot.steady(OrderStatus::Cancelled) {
        judgement.count();
        let shipments = shipped.shipments(cancelled.order_id);
        if let Some(open) = shipments
            .iter()
            .find(|shipment| !matches!(shipment.status, Cancelled | Refused | Returned))
        {
            let expected = "no shipment, or one cancelled, refused or returned";
            let found = open.status.to_string();
            judgement.breach(order(cancelled.order_id), expected, found);
            continue;
        }
        // The carrier may learn of the cancellation later, but a parcel that it has picked up was never cancelled.
        let late = cancelled.since.age(snapshot.began_at) > options.undelivered_after;
        let wrong = |parcel: &&Parcel| match parcel.status {
            Created => late,
            Returned => false,
            status => status.is_alive(),
        };
        if let Some(parcels) = shipped.parcels(shipments)
            && parcels.iter().any(wrong)
        {
            let expected = "no parcel on its way at the carrier";
            judgement.breach(order(cancelled.order_id), expected, describe(&parcels));
        }
    }
}
