//! Shipments, and the carrier's parcels.

use serde::Deserialize;
use uuid::Uuid;

use super::required::nullable;
use super::status::ShipmentStatus;

/// A shipment of `GET /shipments`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Shipment {
    pub(crate) shipment_id: Uuid,
    pub(crate) order_id: Uuid,
    #[serde(deserialize_with = "nullable")]
    pub(crate) tracking_number: Option<String>,
    pub(crate) status: ShipmentStatus,
}

/// A parcel of the carrier's `GET /carrier/book`. The reference of the shop's own parcels is the shipment's id.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Parcel {
    pub(crate) tracking_number: String,
    pub(crate) reference: String,
    pub(crate) status: ShipmentStatus,
}
