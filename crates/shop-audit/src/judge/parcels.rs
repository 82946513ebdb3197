//! Compares shipments with the orders, and with the carrier's book if it was read.

use std::collections::HashSet;

use super::describe::{comma_separated, order_name};
use super::shipped::{Shipped, describe_parcels};
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
        judgement.count_checked();
        if !shipments.contains(&parcel.reference) {
            let subject = format!("parcel {} of {}", parcel.tracking_number, parcel.reference);
            let found = format!("a {} parcel", parcel.status);
            judgement.add_breach(
                subject,
                "a shipment whose id is the parcel's reference",
                found,
            );
        }
    }
    for shipment in &snapshot.shipments {
        judgement.count_checked();
        if !snapshot.orders.contains_key(&shipment.order_id) {
            let subject = format!("shipment {}", shipment.shipment_id);
            let expected = format!("{} to exist", order_name(shipment.order_id));
            let found = format!("a {} shipment", shipment.status);
            judgement.add_breach(subject, expected, found);
        }
    }
}

pub(crate) fn confirmed_is_shipped(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let shipped = Shipped::from_snapshot(snapshot);
    for confirmed in snapshot.orders_that_stayed(OrderStatus::Confirmed) {
        judgement.count_checked();
        let subject = || order_name(confirmed.order_id);
        let shipments = shipped.shipments(confirmed.order_id);
        let mut active = shipments.iter().filter(|s| s.status.is_active());
        let (Some(shipment), None) = (active.next(), active.next()) else {
            let found = comma_separated(shipments.iter().map(|s| s.status));
            judgement.add_breach(subject(), "one active shipment", found);
            continue;
        };
        let Some(parcels) = shipped.parcels(shipments) else {
            continue;
        };
        let number = shipment.tracking_number.as_ref();
        let mut active = parcels.iter().filter(|p| p.status.is_active());
        let (first, second) = (active.next(), active.next());
        let has_number = |parcel: &&&Parcel| number.is_none_or(|n| *n == parcel.tracking_number);
        if first.filter(has_number).is_none() || second.is_some() {
            let expected = match number {
                Some(number) => format!("one active parcel at the carrier, with number {number}"),
                None => "one active parcel at the carrier".to_owned(),
            };
            judgement.add_breach(subject(), expected, describe_parcels(&parcels));
        }
    }
}

/// A breach of `returned-is-refunded` is a task for an operator, and not a bug of the program: only a person can inspect the
/// returned goods.
pub(crate) fn returned_is_refunded(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let shipped = Shipped::from_snapshot(snapshot);
    for confirmed in snapshot.orders_that_stayed(OrderStatus::Confirmed) {
        judgement.count_checked();
        let shipments = shipped.shipments(confirmed.order_id);
        if shipments
            .iter()
            .any(|s| s.status == ShipmentStatus::Returned)
        {
            let expected = format!(
                "a refund (an operator must inspect the goods, and then send POST /internal/orders/{}/cancel)",
                confirmed.order_id
            );
            judgement.add_breach(
                order_name(confirmed.order_id),
                expected,
                "a returned parcel",
            );
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
    for cancelled in snapshot.orders_that_stayed(OrderStatus::Cancelled) {
        judgement.count_checked();
        let shipments = shipped.shipments(cancelled.order_id);
        if let Some(open) = shipments
            .iter()
            .find(|shipment| !matches!(shipment.status, Cancelled | Refused | Returned))
        {
            let expected = "no shipment, or only cancelled, refused or returned shipments";
            let found = format!("a {} shipment", open.status);
            judgement.add_breach(order_name(cancelled.order_id), expected, found);
            continue;
        }
        // Shipping may send the call-off (the request to cancel the shipment) to the carrier later. Until then, a parcel with the
        // status `created` is not a breach. A parcel that the carrier has picked up cannot be called off, so it is a breach at
        // once.
        let late = cancelled.since.age(snapshot.began_at) > options.undelivered_after;
        let is_breach = |parcel: &&Parcel| match parcel.status {
            Created => late,
            Returned => false,
            status => status.is_active(),
        };
        if let Some(parcels) = shipped.parcels(shipments)
            && parcels.iter().any(is_breach)
        {
            let expected = "no active parcel at the carrier";
            let found = describe_parcels(&parcels);
            judgement.add_breach(order_name(cancelled.order_id), expected, found);
        }
    }
}
