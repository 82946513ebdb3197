//! Types and rules, without side effects.
//!
//! This module defines the shipment. [`status`] defines the statuses and their transitions, [`consignment`] the address and the
//! contents of a parcel, and [`report`] the carrier's reports.

pub mod consignment;
pub mod report;
pub mod status;

use serde::Serialize;
use uuid::Uuid;

use consignment::{Address, Line};
use status::Status;

use crate::error::Error;

/// The shipment of an order, serialized as responses show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shipment {
    /// The shipment's id. It is also the parcel's reference at the carrier.
    pub shipment_id: Uuid,
    /// The id of the order.
    pub order_id: Uuid,
    /// The recipient's address.
    #[serde(skip)]
    pub address: Address,
    /// The contents of the parcel.
    #[serde(skip)]
    pub lines: Vec<Line>,
    /// The parcel's tracking number; `None` until this service knows the carrier's response.
    pub tracking_number: Option<String>,
    /// The status.
    pub status: Status,
    /// True if a cancellation was requested. If so, a repeated request to ship completes the cancellation.
    #[serde(skip)]
    pub cancel_requested: bool,
    /// The time of creation, RFC 3339.
    pub created_at: String,
}

impl Shipment {
    /// Checks that a repeated request to ship has the same address and the same lines as this shipment.
    pub fn check_repeat(&self, address: &Address, lines: &[Line]) -> Result<(), Error> {
        if self.address == *address && self.lines == lines {
            return Ok(());
        }
        Err(Error::ShipmentDiffers(self.order_id))
    }

    /// The result of a request to ship: the shipment with its parcel, or the reason why the shipment has no parcel.
    pub fn shipped(self) -> Result<Self, Error> {
        match self.status {
            Status::Pending => Err(self.unsettled()),
            Status::Refused => Err(Error::AddressRefused {
                shipment_id: self.shipment_id,
            }),
            Status::Cancelled => Err(Error::ShipmentCancelled {
                order_id: self.order_id,
                shipment_id: self.shipment_id,
            }),
            _ => Ok(self),
        }
    }

    /// The result of a request to cancel: the cancelled shipment, or the reason why the shipment is not cancelled.
    pub fn cancelled(self) -> Result<Self, Error> {
        match self.status {
            Status::Cancelled => Ok(self),
            status if status.is_handed_over() || !self.cancel_requested => Err(Error::HandedOver {
                shipment_id: self.shipment_id,
                status: status.into(),
            }),
            _ => Err(self.unsettled()),
        }
    }

    fn unsettled(&self) -> Error {
        Error::Unsettled {
            shipment_id: self.shipment_id,
            status: self.status.into(),
        }
    }
}

/// What the carrier did for the reference of a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParcelState {
    /// The carrier does not know the reference.
    Unknown,
    /// The carrier does not deliver to the address.
    Refused,
    /// The carrier made a parcel; the text is its tracking number.
    Made(String),
}

/// The carrier's decision about a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The parcel is cancelled.
    Cancelled,
    /// The carrier already has the parcel, so the parcel is not cancelled.
    HandedOver,
}
