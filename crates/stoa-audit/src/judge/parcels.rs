//! Shipments, held against the carrier's book where that can be read, and against the orders.

use std::collections::{HashMap, HashSet};

use super::{by, listed, of, order};
use crate::auditor::Options;
use crate::look::Look;
use crate::record::{OrderStatus, Parcel, Shipment, ShipmentStatus};
use crate::verdict::Judgement;

pub(crate) fn parcel_has_order(look: &Look, _: &Options, judgement: &mut Judgement) {
    let shipments: HashSet<_> = look
        .shipments
        .iter()
        .map(|shipment| shipment.shipment_id.to_string())
        .collect();
    for parcel in look.parcels.iter().flatten() {
        judgement.look();
        if !shipments.contains(&parcel.reference) {
            let subject = format!("parcel {} of {}", parcel.tracking_number, parcel.reference);
            judgement.fault(subject, "a shipment of that id", parcel.status.to_string());
        }
    }
    for shipment in &look.shipments {
        judgement.look();
        if !look.orders.contains_key(&shipment.order_id) {
            let subject = format!("shipment {}", shipment.shipment_id);
            let expected = format!("an {}", order(shipment.order_id));
            judgement.fault(subject, expected, shipment.status.to_string());
        }
    }
}

pub(crate) fn confirmed_is_shipped(look: &Look, _: &Options, judgement: &mut Judgement) {
    let shipped = Shipped::of(look);
    for confirmed in look.steady(OrderStatus::Confirmed) {
        judgement.look();
        let subject = || order(confirmed.order_id);
        let shipments = of(&shipped.shipments, &confirmed.order_id);
        let mut alive = shipments.iter().filter(|s| s.status.is_alive());
        let (Some(shipment), None) = (alive.next(), alive.next()) else {
            let found = listed(shipments.iter().map(|s| s.status));
            judgement.fault(subject(), "one shipment on its way", found);
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
            judgement.fault(subject(), expected, told(&parcels));
        }
    }
}

/// A task for an operator more than a fault of the program: only a person can see what came back.
pub(crate) fn returned_is_refunded(look: &Look, _: &Options, judgement: &mut Judgement) {
    let shipped = Shipped::of(look);
    for confirmed in look.steady(OrderStatus::Confirmed) {
        judgement.look();
        let shipments = of(&shipped.shipments, &confirmed.order_id);
        if shipments
            .iter()
            .any(|s| s.status == ShipmentStatus::Returned)
        {
            let expected = format!(
                "a refund, by POST /internal/orders/{}/cancel, once somebody has seen what came back",
                confirmed.order_id
            );
            judgement.fault(order(confirmed.order_id), expected, "a returned parcel");
        }
    }
}

pub(crate) fn cancelled_ships_nothing(look: &Look, options: &Options, judgement: &mut Judgement) {
    use ShipmentStatus::{Cancelled, Created, Refused, Returned};
    let shipped = Shipped::of(look);
    for cancelled in look.steady(OrderStatus::Cancelled) {
        judgement.look();
        let shipments = of(&shipped.shipments, &cancelled.order_id);
        if let Some(open) = shipments
            .iter()
            .find(|shipment| !matches!(shipment.status, Cancelled | Refused | Returned))
        {
            let expected = "no shipment, or one cancelled, refused or returned";
            let found = open.status.to_string();
            judgement.fault(order(cancelled.order_id), expected, found);
            continue;
        }
        // The carrier may hear of it later, but what it has in hand already was never cancelled.
        let late = cancelled.since.age(look.now) > options.undelivered_after;
        let wrong = |parcel: &&Parcel| match parcel.status {
            Created => late,
            Returned => false,
            status => status.is_alive(),
        };
        if let Some(parcels) = shipped.parcels(shipments)
            && parcels.iter().any(wrong)
        {
            let expected = "no parcel on its way at the carrier";
            judgement.fault(order(cancelled.order_id), expected, told(&parcels));
        }
    }
}

/// The shipments of each order, and the carrier's parcels of each shipment.
struct Shipped<'a> {
    shipments: HashMap<uuid::Uuid, Vec<&'a Shipment>>,
    parcels: Option<HashMap<&'a str, Vec<&'a Parcel>>>,
}

impl<'a> Shipped<'a> {
    fn of(look: &'a Look) -> Self {
        let parcels = look.parcels.as_ref();
        Self {
            shipments: by(&look.shipments, |shipment| shipment.order_id),
            parcels: parcels.map(|parcels| by(parcels, |parcel| parcel.reference.as_str())),
        }
    }

    /// `None` where there is no book to be read.
    fn parcels(&self, shipments: &[&Shipment]) -> Option<Vec<&'a Parcel>> {
        let parcels = self.parcels.as_ref()?;
        let references = shipments.iter().map(|s| s.shipment_id.to_string());
        let found = references.filter_map(|reference| parcels.get(reference.as_str()));
        Some(found.flatten().copied().collect())
    }
}

fn told(parcels: &[&Parcel]) -> String {
    listed(
        parcels
            .iter()
            .map(|p| format!("{} {}", p.tracking_number, p.status)),
    )
}
