//! The statuses of a shipment, their sequence and their transitions. To add a status, change this file only.
//!
//! ```text
//! pending -> created -> picked_up -> in_transit -> out_for_delivery -> delivered -> returned
//!    |          \-> cancelled (the carrier decides: only until the parcel is picked up)
//!    |-> cancelled (there is no label yet, so the request to cancel is sent to the carrier later)
//!    \-> refused -> cancelled
//! ```
//!
//! The carrier's reports may skip statuses and arrive in any sequence, so the status of a shipment is the furthest status that the
//! carrier reported. A parcel that was handed over to the carrier is never cancelled, even if a report of a cancellation arrives
//! later.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// The status of a shipment. The variants are sorted by progress, so a further status is greater in comparisons.
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
    /// It is unknown whether the carrier has made the parcel.
    Pending,
    /// The carrier does not deliver to the address.
    Refused,
    /// The carrier has made a parcel with a tracking number.
    Created,
    /// The carrier has the parcel, so the parcel can no longer be cancelled.
    PickedUp,
    /// The parcel is on its way to the customer.
    InTransit,
    /// The parcel is in the delivery van.
    OutForDelivery,
    /// The customer has the parcel.
    Delivered,
    /// The parcel is on its way back to its sender, or the sender has it again.
    Returned,
    /// The shipment was cancelled before its parcel was picked up.
    Cancelled,
}

impl Status {
    /// True if a shipment may change from the status `from` to this status. Statuses only move forward.
    pub fn follows(self, from: Self) -> bool {
        self > from && !(self == Self::Cancelled && from.is_handed_over())
    }

    /// The statuses from which a shipment may change to this status.
    pub fn predecessors(self) -> impl Iterator<Item = Self> {
        let all = Self::VARIANTS.iter().copied();
        all.filter(move |from| self.follows(*from))
    }

    /// The index of this status among all statuses, counted from 0. A status that is later in the sequence has a higher index.
    pub fn rank(self) -> u32 {
        let before = Self::VARIANTS.iter().take_while(|status| **status < self);
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    }

    /// True if the carrier can report this status.
    pub fn is_reportable(self) -> bool {
        !matches!(self, Self::Pending | Self::Refused)
    }

    /// True if a shipment with this status can still get a parcel, as long as it has no tracking number.
    pub fn awaits_parcel(self) -> bool {
        matches!(self, Self::Pending | Self::Created)
    }

    /// True if the carrier has the parcel, or had it before the delivery.
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

    /// The type of the event that a report of this status causes; `None` if the report causes no event.
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
    fn every_status_has_its_own_text_and_ranks_follow_the_order() {
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
    fn a_shipment_is_cancelled_only_before_the_handover_and_stays_cancelled() {
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
