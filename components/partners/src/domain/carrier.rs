//! The carrier: one parcel per reference. A parcel moves, and its moves are reported to the shop.

use serde::{Deserialize, Serialize};
use stoa_service::Invalid;
use stoa_service::time::Millis;
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use super::fields::{check_reference, check_text};
use crate::error::Error;

/// A country that is not served.
const NOT_SERVED: &str = "XX";
/// The longest part of an address, in characters.
const MAX_ADDRESS: usize = 1000;

/// The status of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ParcelStatus {
    /// Its label is printed.
    Created,
    /// The carrier has it.
    PickedUp,
    /// On its way.
    InTransit,
    /// In the van.
    OutForDelivery,
    /// Handed over.
    Delivered,
    /// On its way back, or back.
    Returned,
    /// Cancelled before it was picked up.
    Cancelled,
}

impl ParcelStatus {
    /// The note in a report of this status. A parcel never changes back to `created`, so that status is not reported.
    pub fn note(self) -> Result<&'static str, Invalid> {
        match self {
            Self::Created => Err(Invalid::new(
                "status: `created` is not one that a parcel changes to",
            )),
            Self::PickedUp => Ok("The parcel was picked up at the sender's"),
            Self::InTransit => Ok("The parcel is on its way"),
            Self::OutForDelivery => Ok("The parcel is in the van"),
            Self::Delivered => Ok("The parcel was handed over"),
            Self::Returned => Ok("The parcel goes back to the sender"),
            Self::Cancelled => Ok("The carrier called the parcel off"),
        }
    }
}

/// A parcel, serialized as responses show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parcel {
    /// The carrier's id of the parcel.
    pub tracking_number: String,
    /// The shop's id of the parcel.
    pub reference: String,
    /// The status.
    pub status: ParcelStatus,
}

impl Parcel {
    /// The result of a request to cancel: the cancelled parcel, or why it is not cancelled.
    pub fn cancelled(self) -> Result<Self, Error> {
        if self.status == ParcelStatus::Cancelled {
            return Ok(self);
        }
        Err(self.handed_over())
    }

    /// Checks a move: a cancelled parcel does not move, and one that was picked up is not cancelled. All other moves are allowed.
    pub fn check_move(&self, to: ParcelStatus) -> Result<(), Error> {
        use ParcelStatus::{Cancelled, Created};
        match (self.status, to) {
            (Created | Cancelled, Cancelled) => Ok(()),
            (_, Cancelled) => Err(self.handed_over()),
            (Cancelled, _) => Err(Error::ParcelCancelled(self.tracking_number.clone())),
            _ => Ok(()),
        }
    }

    fn handed_over(&self) -> Error {
        Error::HandedOver {
            tracking_number: self.tracking_number.clone(),
            status: self.status.into(),
        }
    }
}

/// A report to the shop: a parcel changed its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its identity; a repeat of the same change has the same one.
    pub event_id: Uuid,
    /// The shop's id of the parcel.
    pub reference: String,
    /// The parcel's new status.
    pub status: ParcelStatus,
    /// When it happened.
    pub at: Millis,
    /// For the customer.
    pub note: &'static str,
}

/// The address of a parcel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    name: String,
    street: String,
    city: String,
    postal_code: String,
    country: String,
}

/// The contents of a parcel. The carrier has its own rules for SKUs: any text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    sku: String,
    quantity: u32,
}

/// A request for a parcel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewParcel {
    /// The shop's id of the parcel: one parcel is made.
    pub reference: String,
    /// The address.
    pub address: Address,
    /// The contents.
    pub lines: Vec<Line>,
}

impl NewParcel {
    /// Checks every value, and that the country is served.
    pub fn check(&self) -> Result<(), Error> {
        check_reference(&self.reference)?;
        let address = &self.address;
        for (field, text) in [
            ("address.name", &address.name),
            ("address.street", &address.street),
            ("address.city", &address.city),
            ("address.postal_code", &address.postal_code),
            ("address.country", &address.country),
        ] {
            check_text(field, text, MAX_ADDRESS)?;
        }
        let is_bad = |line: &Line| line.sku.is_empty() || line.quantity < 1;
        if self.lines.is_empty() || self.lines.iter().any(is_bad) {
            let sentence =
                "lines: expected at least one, each with a SKU and a quantity of 1 or more";
            return Err(Invalid::new(sentence).into());
        }
        if address.country == NOT_SERVED {
            return Err(Error::AddressRefused(NOT_SERVED));
        }
        Ok(())
    }
}
