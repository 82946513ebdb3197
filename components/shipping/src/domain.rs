//! Types and rules, pure.
//!
//! [`status`] has the statuses of a shipment and their transitions, [`consignment`] the address and the contents of a parcel,
//! [`report`] the carrier's reports; the shipment itself is here.

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
    /// Its identity here, and its reference at the carrier.
    pub shipment_id: Uuid,
    /// The shipped order.
    pub order_id: Uuid,
    /// The address.
    #[serde(skip)]
    pub address: Address,
    /// The contents.
    #[serde(skip)]
    pub lines: Vec<Line>,
    /// The carrier's number; `None` until the carrier's response is known.
    pub tracking_number: Option<String>,
    /// The status.
    pub status: Status,
    /// A cancellation was requested: a retry of the creation completes the cancellation instead.
    #[serde(skip)]
    pub cancel_requested: bool,
    /// RFC 3339.
    pub created_at: String,
}

impl Shipment {
    /// Checks a repeated request to ship: an order has one address and one set of lines.
    pub fn check_repeat(&self, address: &Address, lines: &[Line]) -> Result<(), Error> {
        if self.address == *address && self.lines == lines {
            return Ok(());
        }
        Err(Error::ShipmentDiffers(self.order_id))
    }

    /// The result of a request to ship: the shipment with its parcel, or why there is none.
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

    /// The result of a request to cancel: the cancelled shipment, or why it is not cancelled.
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

/// The carrier's state of a shipment's reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParcelState {
    /// The carrier has not seen the reference.
    Unknown,
    /// The carrier does not deliver to the address.
    Refused,
    /// The carrier made a parcel with this tracking number.
    Made(String),
}

/// The carrier's answer to a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The parcel will not be sent.
    Cancelled,
    /// Too late: the carrier has the parcel.
    HandedOver,
}
