//! Types and rules, pure.
//!
//! ```text
//! pending -> created -> picked_up -> in_transit -> out_for_delivery -> delivered -> returned
//!    |          \-> cancelled (until it is picked up, so the carrier is asked)
//!    |-> cancelled (there is no label yet, so the carrier is told later)
//!    \-> refused -> cancelled
//! ```
//!
//! Reports may skip states and come in any order: a shipment stands at the furthest one reported. What the carrier once had in hand is
//! never cancelled, however late a report says so.

use serde::{Deserialize, Serialize};
use stoa_service::text::shorten;
use stoa_service::time::{Millis, rfc3339};
use uuid::Uuid;

/// The most lines of a shipment.
pub const MAX_LINES: usize = 100;
/// The most units of a line.
pub const MAX_QUANTITY: u32 = 1_000_000;
/// The longest part of an address, in characters.
pub const MAX_ADDRESS: usize = 200;

/// Where a shipment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The carrier may or may not have taken the order.
    Pending,
    /// The carrier does not serve the address.
    Refused,
    /// There is a parcel with a tracking number.
    Created,
    /// The carrier has it: it cannot be called off any more.
    PickedUp,
    /// On its way.
    InTransit,
    /// In the van.
    OutForDelivery,
    /// Handed over.
    Delivered,
    /// On its way back, or back.
    Returned,
    /// Called off before it was picked up.
    Cancelled,
}

impl Status {
    /// From the first to the furthest.
    const ALL: [Self; 9] = [
        Self::Pending,
        Self::Refused,
        Self::Created,
        Self::PickedUp,
        Self::InTransit,
        Self::OutForDelivery,
        Self::Delivered,
        Self::Returned,
        Self::Cancelled,
    ];

    /// The word in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Refused => "refused",
            Self::Created => "created",
            Self::PickedUp => "picked_up",
            Self::InTransit => "in_transit",
            Self::OutForDelivery => "out_for_delivery",
            Self::Delivered => "delivered",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads [`Status::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// How far it is: a shipment only ever goes up ([`Status::follows`]).
    pub fn rank(self) -> u32 {
        let before = Self::ALL.into_iter().take_while(|s| *s != self);
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    }

    /// Whether a shipment that stands at `from` moves to this status.
    pub fn follows(self, from: Self) -> bool {
        self.rank() > from.rank() && !(self == Self::Cancelled && from.is_handed_over())
    }

    /// The statuses that this one follows.
    pub fn predecessors(self) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(move |from| self.follows(*from))
    }

    /// The type of the event that tells of a report; `None` for what is no news to a customer.
    pub fn event(self) -> Option<&'static str> {
        match self {
            Self::Pending | Self::Refused | Self::Created => None,
            Self::PickedUp => Some("stoa.shipment.picked_up"),
            Self::InTransit => Some("stoa.shipment.in_transit"),
            Self::OutForDelivery => Some("stoa.shipment.out_for_delivery"),
            Self::Delivered => Some("stoa.shipment.delivered"),
            Self::Returned => Some("stoa.shipment.returned"),
            Self::Cancelled => Some("stoa.shipment.cancelled"),
        }
    }

    /// Whether the carrier has, or had, the parcel in hand.
    pub fn is_handed_over(self) -> bool {
        matches!(
            self,
            Self::PickedUp
                | Self::InTransit
                | Self::OutForDelivery
                | Self::Delivered
                | Self::Returned
        )
    }
}

/// Where a parcel goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Of the person.
    pub name: String,
    /// With the number.
    pub street: String,
    /// City.
    pub city: String,
    /// As the country writes it.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// What is in a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The stock keeping unit.
    pub sku: String,
    /// Units, 1 to [`MAX_QUANTITY`].
    #[serde(deserialize_with = "stoa_service::json::whole::<1, MAX_QUANTITY, _>")]
    pub quantity: u32,
}

/// The shipment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// Its identity here, and the reference by which the carrier knows it.
    pub shipment_id: Uuid,
    /// The order that is shipped.
    pub order_id: Uuid,
    /// Where to.
    pub address: Address,
    /// What.
    pub lines: Vec<Line>,
    /// The carrier's number; `None` until its answer is known.
    pub tracking_number: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Somebody wants it called off: a retry of its creation completes that instead.
    pub cancel_asked: bool,
    /// When it was begun.
    pub created_at: Millis,
}

/// A shipment as it is answered.
#[derive(Debug, Serialize)]
pub struct View {
    shipment_id: Uuid,
    order_id: Uuid,
    tracking_number: Option<String>,
    status: Status,
    created_at: String,
}

impl From<Shipment> for View {
    fn from(shipment: Shipment) -> Self {
        Self {
            shipment_id: shipment.shipment_id,
            order_id: shipment.order_id,
            tracking_number: shipment.tracking_number,
            status: shipment.status,
            created_at: rfc3339(shipment.created_at),
        }
    }
}

/// Something that happened to a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The carrier's identity of it: a repeat has the same.
    pub event_id: String,
    /// What it became.
    pub status: Status,
    /// When it happened, by the carrier's clock.
    pub at: Millis,
    /// For the customer.
    pub note: Option<String>,
}

/// Checks an address. The error names the field.
pub fn check_address(address: &Address) -> Result<(), String> {
    for (field, text) in [
        ("name", &address.name),
        ("street", &address.street),
        ("city", &address.city),
        ("postal_code", &address.postal_code),
    ] {
        let length = text.trim().chars().count();
        if !(1..=MAX_ADDRESS).contains(&length) || text.chars().any(char::is_control) {
            return Err(format!(
                "address.{field}: {length} characters given, expected 1 to {MAX_ADDRESS}, none of them a control character"
            ));
        }
    }
    let country = &address.country;
    if country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) {
        Ok(())
    } else {
        Err(format!(
            "address.country: `{}` is not two upper-case letters (ISO 3166-1 alpha-2)",
            shorten(country)
        ))
    }
}

/// Checks the lines. The error names the place.
pub fn check_lines(lines: &[Line]) -> Result<(), String> {
    if !(1..=MAX_LINES).contains(&lines.len()) {
        return Err(format!(
            "lines: {} given, expected 1 to {MAX_LINES}",
            lines.len()
        ));
    }
    for (index, line) in lines.iter().enumerate() {
        let sku_fits = (1..=64).contains(&line.sku.len())
            && line
                .sku
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !sku_fits {
            return Err(format!(
                "lines[{index}].sku: `{}` is not 1 to 64 letters, digits, `-`, `_` or `.`",
                shorten(&line.sku)
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_word_of_its_own_and_ranks_grow_along_the_way() {
        for (rank, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(Status::from_word(status.word()), Some(status));
            assert_eq!(status.rank() as usize, rank);
            if let Some(kind) = status.event() {
                assert_eq!(kind, format!("stoa.shipment.{}", status.word()));
            }
        }
    }

    #[test]
    fn what_was_handed_over_is_never_cancelled_and_what_is_cancelled_stays_so() {
        for status in Status::ALL {
            assert!(!status.follows(status));
            assert!(!status.follows(Status::Cancelled), "{status:?}");
            let may_be_cancelled =
                matches!(status, Status::Pending | Status::Refused | Status::Created);
            assert_eq!(Status::Cancelled.follows(status), may_be_cancelled);
        }
        let before: Vec<_> = Status::Cancelled.predecessors().map(Status::word).collect();
        assert_eq!(before, ["pending", "refused", "created"]);
    }
}
