//! The errors of this component: one variant for each case that a caller can act on. `http.rs` maps each variant to a status and a
//! code.

use stoa_service::Invalid;
use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use stoa_service::text::shorten;
use uuid::Uuid;

use crate::signature::BadSignature;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The report does not have a valid signature of the carrier.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
    /// No shipment has this id.
    #[error("shipment_id: no shipment has the id `{0}`")]
    NoShipment(Uuid),
    /// No parcel has this tracking number.
    #[error("tracking_number: no parcel has the number `{}`", shorten(.0))]
    NoParcel(String),
    /// The order already has a shipment with another address or other lines.
    #[error("order_id: order {0} already has a shipment with another address or other lines")]
    ShipmentDiffers(Uuid),
    /// The carrier does not deliver to the address. This is final for the shipment.
    #[error("address: the carrier does not deliver to this address")]
    AddressRefused {
        /// The shipment.
        shipment_id: Uuid,
    },
    /// The shipment of the order was cancelled, so the order can no longer be shipped.
    #[error(
        "order_id: the shipment of order {order_id} was cancelled, so the order cannot be shipped"
    )]
    ShipmentCancelled {
        /// The order.
        order_id: Uuid,
        /// The shipment, which was cancelled.
        shipment_id: Uuid,
    },
    /// The carrier has the parcel, so the shipment can no longer be cancelled.
    #[error(
        "shipment_id: the parcel of shipment {shipment_id} is with the carrier and cannot be cancelled"
    )]
    HandedOver {
        /// The shipment.
        shipment_id: Uuid,
        /// The shipment's status.
        status: &'static str,
    },
    /// The carrier's decision is not known yet. A retry queries the carrier.
    #[error("the carrier's decision about the shipment is not known yet; try again")]
    Unsettled {
        /// The shipment.
        shipment_id: Uuid,
        /// The shipment's status.
        status: &'static str,
    },
    /// A report with the same event id has already arrived for another shipment. The carrier's signature cannot prevent this,
    /// because the signature does not cover the path of the request.
    #[error("event_id: the event was already reported for another shipment")]
    EventOfAnotherShipment,
    /// The carrier did not answer a call as expected. A retry may help.
    #[error(transparent)]
    Carrier(#[from] PeerError),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
