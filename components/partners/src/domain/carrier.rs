//! The carrier: one parcel a reference, which moves and is reported to the shop.

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
    /// The note of the report of this status. A parcel never changes back to `created`, so that one is not reported.
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
    /// The carrier's identity of it.
    pub tracking_number: String,
    /// The shop's identity of it.
    pub reference: String,
    /// The status.
    pub status: ParcelStatus,
}

impl Parcel {
    /// What a request to cancel gets: the cancelled parcel, or why it is not cancelled.
    pub fn cancelled(self) -> Result<Self, Error> {
        if self.status == ParcelStatus::Cancelled {
            return Ok(self);
        }
        Err(self.handed_over())
    }

    /// A cancelled parcel does not move, and one that was picked up is not cancelled. Everything else may happen.
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

/// What the shop is informed of: a parcel changed its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its identity: the same change has the same.
    pub event_id: Uuid,
    /// The shop's identity of the parcel.
    pub reference: String,
    /// The parcel's new status.
    pub status: ParcelStatus,
    /// When it happened.
    pub at: Millis,
    /// For the customer.
    pub note: &'static str,
}

/// Where a parcel goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    name: String,
    street: String,
    city: String,
    postal_code: String,
    country: String,
}

/// What is in a parcel. The carrier has rules of its own for SKUs: any text.
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
    /// The shop's identity of it: one parcel is made.
    pub reference: String,
    /// Where to.
    pub address: Address,
    /// What.
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
