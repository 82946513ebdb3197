//! Errors: a variant for each case that a caller can act on. `http.rs` gives each its status and code.

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
    /// A report that the carrier did not sign.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
    /// No shipment has this id.
    #[error("shipment_id: there is no shipment {0}")]
    NoShipment(Uuid),
    /// No parcel has this tracking number.
    #[error("tracking_number: `{}` is not known", shorten(.0))]
    NoParcel(String),
    /// The order has a shipment with another address or other lines.
    #[error("order_id: {0} has a shipment with another address or other lines")]
    ShipmentDiffers(Uuid),
    /// The carrier does not deliver to the address. Final for this shipment.
    #[error("address: the carrier does not deliver there")]
    AddressRefused {
        /// The shipment.
        shipment_id: Uuid,
    },
    /// The order's shipment was cancelled, so it can no longer get a parcel.
    #[error("order_id: the shipment of order {order_id} was cancelled")]
    ShipmentCancelled {
        /// The order.
        order_id: Uuid,
        /// Its shipment.
        shipment_id: Uuid,
    },
    /// The carrier has the parcel, so it can no longer be cancelled.
    #[error("shipment_id: {shipment_id} is with the carrier and cannot be cancelled")]
    HandedOver {
        /// The shipment.
        shipment_id: Uuid,
        /// The shipment's status.
        status: &'static str,
    },
    /// The carrier's decision is not known yet; a retry looks it up.
    #[error("the shipment is not settled yet; try again")]
    Unsettled {
        /// The shipment.
        shipment_id: Uuid,
        /// The shipment's status.
        status: &'static str,
    },
    /// A report of one parcel was sent to another shipment. This is possible because a signature does not cover the path.
    #[error("event_id: was reported for another shipment")]
    EventOfAnotherShipment,
    /// The carrier did not serve a call; a retry may help.
    #[error(transparent)]
    Carrier(#[from] PeerError),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
