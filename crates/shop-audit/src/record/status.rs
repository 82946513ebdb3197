//! Statuses, with their words in JSON.

use serde::Deserialize;
use strum::Display;

/// `GET /internal/orders`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum OrderStatus {
    Pending,
    Confirmed,
    Cancelled,
}

/// `GET /payments`
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

/// `GET /processor/ledger`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum EntryKind {
    Capture,
    Decline,
    Refund,
    Void,
}

/// `GET /reservations`
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

/// `GET /shipments`, `GET /carrier/book`
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
    /// Whether the stock was sold, even if it was returned later.
    pub(crate) fn is_sold(self) -> bool {
        matches!(self, Self::Committed | Self::Returned)
    }
}

impl ShipmentStatus {
    /// Whether there is a parcel that is, or was, on its way.
    pub(crate) fn is_alive(self) -> bool {
        !matches!(self, Self::Pending | Self::Refused | Self::Cancelled)
    }
}
