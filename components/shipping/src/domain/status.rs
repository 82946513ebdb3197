//! The status of a shipment: the statuses, their order and their transitions. A new status is a change of this file only.
//!
//! ```text
//! pending -> created -> picked_up -> in_transit -> out_for_delivery -> delivered -> returned
//!    |          \-> cancelled (until it is picked up, so the carrier decides)
//!    |-> cancelled (there is no label yet, so the carrier is informed later)
//!    \-> refused -> cancelled
//! ```
//!
//! Reports may skip statuses and arrive in any order: a shipment has the furthest reported status. A parcel that the carrier once had
//! is never cancelled, even if a report of the cancellation arrives later.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// The status of a shipment, in order from the first to the furthest.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// The carrier may or may not have made the parcel.
    Pending,
    /// The carrier does not deliver to the address.
    Refused,
    /// There is a parcel with a tracking number.
    Created,
    /// The carrier has the parcel: it can no longer be cancelled.
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

impl Status {
    /// Whether a shipment with the status `from` may change to this one: only forward.
    pub fn follows(self, from: Self) -> bool {
        self > from && !(self == Self::Cancelled && from.is_handed_over())
    }

    /// The statuses that this one follows.
    pub fn predecessors(self) -> impl Iterator<Item = Self> {
        let all = Self::VARIANTS.iter().copied();
        all.filter(move |from| self.follows(*from))
    }

    /// The position in the order of statuses, counted from 0.
    pub fn rank(self) -> u32 {
        let before = Self::VARIANTS.iter().take_while(|status| **status < self);
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    }

    /// Whether the carrier can report this status.
    pub fn is_reportable(self) -> bool {
        !matches!(self, Self::Pending | Self::Refused)
    }

    /// Whether a shipment with this status, without a tracking number, can still get a parcel.
    pub fn awaits_parcel(self) -> bool {
        matches!(self, Self::Pending | Self::Created)
    }

    /// Whether the carrier has, or had, the parcel.
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

    /// The type of the event for a report of this status; `None` if the customer is not notified.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_word_of_its_own_and_ranks_grow_along_the_way() {
        for (rank, status) in Status::VARIANTS.iter().enumerate() {
            let word: &str = status.into();
            assert_eq!(word.parse::<Status>().unwrap(), *status);
            assert_eq!(status.rank() as usize, rank);
            if let Some(kind) = status.event() {
                assert_eq!(kind, format!("stoa.shipment.{word}"));
            }
        }
    }

    #[test]
    fn what_was_handed_over_is_never_cancelled_and_what_is_cancelled_stays_so() {
        for status in Status::VARIANTS.iter().copied() {
            assert!(!status.follows(status));
            assert!(!status.follows(Status::Cancelled), "{status:?}");
            let may_be_cancelled =
                matches!(status, Status::Pending | Status::Refused | Status::Created);
            assert_eq!(Status::Cancelled.follows(status), may_be_cancelled);
        }
        let before: Vec<&str> = Status::Cancelled.predecessors().map(<&str>::from).collect();
        assert_eq!(before, ["pending", "refused", "created"]);
    }
}
