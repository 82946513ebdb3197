//! Groups shipments and parcels by order.

use uuid::Uuid;

use super::describe::comma_separated;
use super::grouping::{Groups, group_by, records_of};
use crate::record::{Parcel, Shipment};
use crate::snapshot::Snapshot;

/// The shipments of each order, and the carrier's parcels of each shipment.
pub(super) struct Shipped<'a> {
    shipments: Groups<'a, Uuid, Shipment>,
    parcels: Option<Groups<'a, &'a str, Parcel>>,
}

impl<'a> Shipped<'a> {
    pub(super) fn from_snapshot(snapshot: &'a Snapshot) -> Self {
        let parcels = snapshot.parcels.as_ref();
        Self {
            shipments: group_by(&snapshot.shipments, |shipment| shipment.order_id),
            parcels: parcels.map(|parcels| group_by(parcels, |parcel| parcel.reference.as_str())),
        }
    }

    pub(super) fn shipments(&self, order_id: Uuid) -> &[&'a Shipment] {
        records_of(&self.shipments, &order_id)
    }

    /// The carrier's parcels of these shipments; `None` if the carrier's book was not read.
    pub(super) fn parcels(&self, shipments: &[&Shipment]) -> Option<Vec<&'a Parcel>> {
        let parcels = self.parcels.as_ref()?;
        let references = shipments.iter().map(|s| s.shipment_id.to_string());
        let found = references.filter_map(|reference| parcels.get(reference.as_str()));
        Some(found.flatten().copied().collect())
    }
}

/// Describes parcels: `PX1 created, PX2 delivered`.
pub(super) fn describe_parcels(parcels: &[&Parcel]) -> String {
    comma_separated(
        parcels
            .iter()
            .map(|p| format!("{} {}", p.tracking_number, p.status)),
    )
}
