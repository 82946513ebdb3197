//! The records of shipments and of the carrier's parcels.

use serde::Deserialize;
use uuid::Uuid;

use super::required::nullable;
use super::status::ShipmentStatus;

/// A shipment in the response to `GET /shipments`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Shipment {
    pub(crate) shipment_id: Uuid,
    pub(crate) order_id: Uuid,
    #[serde(deserialize_with = "nullable")]
    pub(crate) tracking_number: Option<String>,
    pub(crate) status: ShipmentStatus,
}

/// A parcel in the response to `GET /carrier/book`. If the shop announced the parcel, `reference` is the id of the shop's shipment.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Parcel {
    pub(crate) tracking_number: String,
    pub(crate) reference: String,
    pub(crate) status: ShipmentStatus,
}
