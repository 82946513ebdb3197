//! The types and rules of this service. The functions are pure: they do no input or output.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stoa_service::{Invalid, Sku};
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use crate::error::Error;

/// The maximum number of units of one SKU that one order may reserve. It is also the maximum number of units on hand.
pub const MAX_QUANTITY: u32 = 1_000_000;
/// The maximum number of lines in a reservation. It is also the maximum number of SKUs in a request that lists items by SKU.
pub const MAX_LINES: usize = 100;

/// The stock of one SKU, in units. Always `0 <= reserved <= on_hand`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The SKU (stock keeping unit), such as `COF-008`.
    pub sku: Sku,
    /// Units in the warehouse.
    pub on_hand: i64,
    /// Units on hand that are reserved for orders.
    pub reserved: i64,
    /// Units that an order may still reserve: `on_hand - reserved`.
    pub available: i64,
}

/// The sums of all movements of one SKU, in units: `on_hand = supplied - sold + returned`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// The SKU (stock keeping unit), such as `COF-008`.
    pub sku: Sku,
    /// Units that were delivered to the warehouse, including corrections of the count.
    pub supplied: i64,
    /// Units that left the warehouse with an order.
    pub sold: i64,
    /// Units that came back from a cancelled order.
    pub returned: i64,
}

/// The current count of an item, as the caller of `PUT /items/{sku}` expects it. The caller derived the new count from the expected
/// count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedCount {
    /// The caller expects that the item is not stocked yet.
    NotStocked,
    /// The caller expects one of these counts. Any other count means that units were sold or returned after the caller read the
    /// count.
    OnHand(Vec<i64>),
    /// The caller accepts any previous count.
    Any,
}

impl ExpectedCount {
    /// Checks the expected count against the units on hand. `on_hand` is `None` if the item is not stocked.
    pub fn check(&self, sku: &Sku, on_hand: Option<i64>) -> Result<(), Error> {
        let sku = || sku.clone();
        match (self, on_hand) {
            (Self::NotStocked, None) | (Self::Any, Some(_)) => Ok(()),
            (Self::OnHand(counts), Some(on_hand)) if counts.contains(&on_hand) => Ok(()),
            (Self::NotStocked, Some(on_hand)) => Err(Error::CountRequired {
                sku: sku(),
                on_hand,
            }),
            (Self::OnHand(_), Some(on_hand)) => Err(Error::CountChanged {
                sku: sku(),
                on_hand,
            }),
            (_, None) => Err(Error::NothingToMatch(sku())),
        }
    }
}

/// Checks that a new count is not lower than the reserved units.
pub fn check_covers_reserved(on_hand: u32, reserved: i64) -> Result<(), Error> {
    if i64::from(on_hand) < reserved {
        return Err(Error::BelowReserved { on_hand, reserved });
    }
    Ok(())
}

/// A line of a reservation: a SKU and its quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The SKU (stock keeping unit), such as `COF-008`.
    pub sku: Sku,
    /// Number of units, 1 to [`MAX_QUANTITY`].
    #[serde(deserialize_with = "stoa_service::json::whole::<1, MAX_QUANTITY, _>")]
    pub quantity: u32,
}

/// The status of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// Stock is reserved until `expires_at`.
    Held,
    /// The reservation has expired, and its stock is available again. A commit first reserves the stock again, if enough units are
    /// available.
    Expired,
    /// The stock has left the warehouse.
    Committed,
    /// The reservation was released before a commit. This status is final: a late request for the same order cannot reserve again.
    Released,
    /// The reservation was committed, and its stock was returned to the warehouse later. This status is final.
    Returned,
}

/// What an operation does with the stock of all lines of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// Moves units from available to reserved, if enough units are available.
    Reserve,
    /// Moves units from reserved back to available.
    Unreserve,
    /// Moves reserved units out of the warehouse.
    Sell,
    /// Moves sold units back into the warehouse.
    Restock,
}

/// What an operation does to a reservation: the new status, and the movements of the stock in the sequence in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The status after the operation.
    pub to: Status,
    /// The movements of the stock, in the sequence in which they happen.
    pub movements: &'static [Movement],
}

const fn transition(to: Status, movements: &'static [Movement]) -> Transition {
    Transition { to, movements }
}

/// The reservation of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reservation {
    /// The order's id, which also identifies the reservation.
    pub order_id: Uuid,
    /// The current status.
    pub status: Status,
    /// The reserved lines, sorted by SKU.
    pub lines: Vec<Line>,
    /// The expiry in RFC 3339 format. It matters only while the reservation has the status `held`.
    pub expires_at: String,
}

impl Reservation {
    /// Checks a repeat of the request that made this reservation. The repeat must list the same lines as the reservation, and the
    /// reservation must have the status `held`.
    pub fn check_repeat(&self, wanted: &[Line]) -> Result<(), Error> {
        match self.status {
            Status::Held if self.lines == wanted => Ok(()),
            Status::Held => Err(Error::ReservationDiffers(self.order_id)),
            _ => Err(self.closed()),
        }
    }

    /// Extends the reservation. If the reservation has expired, its stock is reserved again.
    pub fn extend(&self) -> Result<Transition, Error> {
        match self.status {
            Status::Held => Ok(transition(Status::Held, &[])),
            Status::Expired => Ok(transition(Status::Held, &[Movement::Reserve])),
            _ => Err(self.closed()),
        }
    }

    /// Moves the stock out of the warehouse. If the reservation has expired, its stock is first reserved again.
    pub fn commit(&self) -> Result<Transition, Error> {
        match self.status {
            Status::Held => Ok(transition(Status::Committed, &[Movement::Sell])),
            Status::Expired => Ok(transition(
                Status::Committed,
                &[Movement::Reserve, Movement::Sell],
            )),
            Status::Committed => Ok(transition(Status::Committed, &[])),
            _ => Err(self.closed()),
        }
    }

    /// Releases the reservation. If the reservation was committed, its first release moves the stock back into the warehouse.
    /// Repeats of the release change nothing.
    pub fn release(&self) -> Transition {
        match self.status {
            Status::Held => transition(Status::Released, &[Movement::Unreserve]),
            Status::Expired => transition(Status::Released, &[]),
            Status::Committed => transition(Status::Returned, &[Movement::Restock]),
            closed => transition(closed, &[]),
        }
    }

    fn closed(&self) -> Error {
        Error::ReservationClosed {
            order_id: self.order_id,
            status: self.status.into(),
        }
    }
}

/// Checks the lines of a reservation, and merges lines with the same SKU.
pub fn join_lines(lines: Vec<Line>) -> Result<Vec<Line>, Error> {
    let invalid = |sentence: String| Error::from(Invalid::new(sentence));
    if lines.is_empty() || lines.len() > MAX_LINES {
        return Err(invalid(format!(
            "lines: {} lines given, expected 1 to {MAX_LINES}",
            lines.len()
        )));
    }
    let mut joined = BTreeMap::<Sku, u32>::new();
    for (index, line) in lines.into_iter().enumerate() {
        let sum = joined
            .get(&line.sku)
            .copied()
            .unwrap_or(0)
            .checked_add(line.quantity)
            .filter(|sum| line.quantity >= 1 && *sum <= MAX_QUANTITY)
            .ok_or_else(|| {
                invalid(format!(
                    "lines[{index}].quantity: {} units given; all lines of this SKU together may have 1 to {MAX_QUANTITY} units",
                    line.quantity
                ))
            })?;
        joined.insert(line.sku, sum);
    }
    Ok(joined
        .into_iter()
        .map(|(sku, quantity)| Line { sku, quantity })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: u32) -> Line {
        let sku = sku.parse().unwrap();
        Line { sku, quantity }
    }

    fn reservation(status: Status) -> Reservation {
        Reservation {
            order_id: Uuid::nil(),
            status,
            lines: vec![line("A", 1)],
            expires_at: String::new(),
        }
    }

    #[test]
    fn lines_of_one_sku_are_merged() {
        let joined = join_lines(vec![line("B", 1), line("A", 2), line("B", 3)]).unwrap();
        assert_eq!(joined, [line("A", 2), line("B", 4)]);
    }

    #[test]
    fn an_error_names_the_wrong_line() {
        for (lines, word) in [
            (vec![], "lines: 0"),
            (vec![line("A", 1), line("A", 0)], "lines[1].quantity: 0"),
            (
                vec![line("A", 1_000_000), line("A", 1)],
                "lines[1].quantity",
            ),
            (
                vec![line("A", u32::MAX), line("A", u32::MAX)],
                "lines[0].quantity",
            ),
        ] {
            let error = join_lines(lines).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn an_expired_reservation_reserves_its_stock_again_before_it_is_used() {
        use Movement::{Reserve, Sell};
        let expired = reservation(Status::Expired);
        assert_eq!(
            expired.extend().unwrap(),
            transition(Status::Held, &[Reserve])
        );
        assert_eq!(
            expired.commit().unwrap(),
            transition(Status::Committed, &[Reserve, Sell])
        );
    }

    #[test]
    fn a_closed_reservation_cannot_be_used_and_is_released_only_once() {
        for status in [Status::Released, Status::Returned] {
            let closed = reservation(status);
            assert!(closed.check_repeat(&closed.lines).is_err());
            assert!(closed.extend().is_err() && closed.commit().is_err());
            assert_eq!(closed.release(), transition(status, &[]));
        }
        let committed = reservation(Status::Committed);
        let returned = transition(Status::Returned, &[Movement::Restock]);
        assert_eq!(committed.release(), returned);
        assert_eq!(
            committed.commit().unwrap(),
            transition(Status::Committed, &[])
        );
    }
}
