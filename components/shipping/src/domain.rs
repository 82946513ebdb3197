//! Types and rules, pure.
//!
//! [`status`] has the statuses of a shipment and what follows from each, [`consignment`] where a parcel goes and what is in it,
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
    /// The order that is shipped.
    pub order_id: Uuid,
    /// Where to.
    #[serde(skip)]
    pub address: Address,
    /// What.
    #[serde(skip)]
    pub lines: Vec<Line>,
    /// The carrier's number; `None` until its response is known.
    pub tracking_number: Option<String>,
    /// The status.
    pub status: Status,
    /// A cancellation was requested: a retry of its creation completes that instead.
    #[serde(skip)]
    pub cancel_requested: bool,
    /// RFC 3339.
    pub created_at: String,
}

impl Shipment {
    /// Shipping again: an order is shipped to one address with one set of lines.
    pub fn check_repeat(&self, address: &Address, lines: &[Line]) -> Result<(), Error> {
        if self.address == *address && self.lines == lines {
            return Ok(());
        }
        Err(Error::ShipmentDiffers(self.order_id))
    }

    /// What a request to ship gets: the shipment with its parcel, or why there is none.
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

    /// What a request to cancel gets: the cancelled shipment, or why it is not cancelled.
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

/// What the carrier did with a shipment's reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParcelState {
    /// It has not seen the reference so far.
    Unknown,
    /// It does not deliver to that address.
    Refused,
    /// It made a parcel with this tracking number.
    Made(String),
}

/// The carrier's answer to a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The parcel is not sent.
    Cancelled,
    /// Too late: the carrier has the parcel.
    HandedOver,
}
