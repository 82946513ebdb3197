//! The carrier. The shop's reference identifies a parcel, so a reference has at most one parcel. The carrier reports each change of
//! a parcel's status to the shop.

use serde::{Deserialize, Serialize};
use stoa_service::Invalid;
use stoa_service::time::Millis;
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use super::fields::{check_reference, check_text};
use crate::error::Error;

/// The code of the only country to which the carrier does not deliver.
const NOT_SERVED: &str = "XX";
/// The maximum length of each field of an address, in characters.
const MAX_ADDRESS_FIELD_LENGTH: usize = 1000;

/// The status of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ParcelStatus {
    /// The label is printed, and the carrier does not have the parcel yet.
    Created,
    /// The carrier has the parcel.
    PickedUp,
    /// The parcel is on its way to the customer.
    InTransit,
    /// The parcel is in the delivery van.
    OutForDelivery,
    /// The customer has the parcel.
    Delivered,
    /// The parcel is on its way back to its sender, or the sender has it again.
    Returned,
    /// The parcel was cancelled before it was picked up.
    Cancelled,
}

impl ParcelStatus {
    /// Returns the note for a report that a parcel's status has changed to this status. Returns an error for `created`, because
    /// every parcel begins with this status and never changes to it.
    pub fn note(self) -> Result<&'static str, Invalid> {
        match self {
            Self::Created => Err(Invalid::new("status: a parcel cannot change to `created`")),
            Self::PickedUp => Ok("The parcel was picked up from the sender"),
            Self::InTransit => Ok("The parcel is on its way"),
            Self::OutForDelivery => Ok("The parcel is in the delivery van"),
            Self::Delivered => Ok("The parcel was delivered"),
            Self::Returned => Ok("The parcel is on its way back to the sender"),
            Self::Cancelled => Ok("The carrier cancelled the parcel"),
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
    /// The result of a request to cancel: the cancelled parcel, or [`Error::HandedOver`].
    pub fn cancelled(self) -> Result<Self, Error> {
        if self.status == ParcelStatus::Cancelled {
            return Ok(self);
        }
        Err(self.handed_over())
    }

    /// Checks that the parcel may change its status to `to`. A cancelled parcel cannot change to another status, and a parcel that
    /// was picked up cannot be cancelled. All other changes are allowed.
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

/// A report to the shop that a parcel's status has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The id of the report. A repeated report of the same change has the same id.
    pub event_id: Uuid,
    /// The shop's id of the parcel.
    pub reference: String,
    /// The parcel's new status.
    pub status: ParcelStatus,
    /// The time of the change.
    pub at: Millis,
    /// A sentence for the customer.
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

/// One line of a parcel's contents. The carrier accepts any text as an SKU.
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
    /// The shop's id of the parcel. Repeated requests with the same reference make one parcel.
    pub reference: String,
    /// The recipient's address.
    pub address: Address,
    /// The contents.
    pub lines: Vec<Line>,
}

impl NewParcel {
    /// Checks all values, and that the carrier delivers to the country of the address.
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
            check_text(field, text, MAX_ADDRESS_FIELD_LENGTH)?;
        }
        let is_bad = |line: &Line| line.sku.is_empty() || line.quantity < 1;
        if self.lines.is_empty() || self.lines.iter().any(is_bad) {
            let sentence =
                "lines: expected at least one line, each with an SKU and a quantity of 1 or more";
            return Err(Invalid::new(sentence).into());
        }
        if address.country == NOT_SERVED {
            return Err(Error::AddressRefused(NOT_SERVED));
        }
        Ok(())
    }
}
