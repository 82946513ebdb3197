//! The statuses of records, as in JSON.

use serde::Deserialize;
use strum::Display;

/// Status of an order, in `GET /internal/orders`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum OrderStatus {
    Pending,
    Confirmed,
    Cancelled,
}

/// Status of a payment, in `GET /payments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum PaymentStatus {
    Pending,
    Captured,
    Declined,
    Refunded,
    Voided,
}

/// Kind of an entry in the processor's `GET /processor/ledger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum EntryKind {
    Capture,
    Decline,
    Refund,
    Void,
}

/// Status of a reservation, in `GET /reservations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum ReservationStatus {
    Held,
    Expired,
    Committed,
    Released,
    Returned,
}

/// Status of a shipment in `GET /shipments`, or of a parcel in `GET /carrier/book`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum ShipmentStatus {
    Pending,
    Refused,
    Created,
    PickedUp,
    InTransit,
    OutForDelivery,
    Delivered,
    Returned,
    Cancelled,
}

impl ReservationStatus {
    /// True if the reserved stock was sold. A later return of the goods does not change this.
    pub(crate) fn is_sold(self) -> bool {
        matches!(self, Self::Committed | Self::Returned)
    }
}

impl ShipmentStatus {
    /// True if the carrier has accepted the parcel, and the parcel was not cancelled. Also true for parcels that were delivered or
    /// returned.
    pub(crate) fn is_active(self) -> bool {
        !matches!(self, Self::Pending | Self::Refused | Self::Cancelled)
    }
}
