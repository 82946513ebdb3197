//! Types and rules, pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stoa_service::{Invalid, Sku};
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use crate::error::Error;

/// The most units of one SKU that an order may reserve, and the most that may be on hand.
pub const MAX_QUANTITY: u32 = 1_000_000;
/// The most lines of a reservation.
pub const MAX_LINES: usize = 100;

/// The stock of one SKU, in units. `0 <= reserved <= on_hand`, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The stock keeping unit.
    pub sku: Sku,
    /// In the warehouse.
    pub on_hand: i64,
    /// Of these, reserved for orders.
    pub reserved: i64,
    /// The rest.
    pub available: i64,
}

/// The movements of one SKU, in units: `on_hand = supplied - sold + returned`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// The stock keeping unit.
    pub sku: Sku,
    /// Delivered to the warehouse, corrections included.
    pub supplied: i64,
    /// Units that left with an order.
    pub sold: i64,
    /// Units that came back from a cancelled order.
    pub returned: i64,
}

/// The earlier count on which a new count of an item is based.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// None: the item is stocked for the first time.
    NotStocked,
    /// One of these counts. Units that are sold or come back in the meantime must not be lost.
    OnHand(Vec<i64>),
    /// Any count.
    Any,
}

impl Basis {
    /// Compares with the units on hand; `None` means that the item is not stocked.
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

/// Checks that a new count covers the reserved units.
pub fn check_count(on_hand: u32, reserved: i64) -> Result<(), Error> {
    if i64::from(on_hand) < reserved {
        return Err(Error::BelowReserved { on_hand, reserved });
    }
    Ok(())
}

/// One line of a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The stock keeping unit.
    pub sku: Sku,
    /// Units, 1 to [`MAX_QUANTITY`].
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
    /// The reservation has expired. A commit takes the stock again, if there is any.
    Expired,
    /// The stock has left.
    Committed,
    /// Released before it was committed. Final: a late request for the same order cannot reserve any more.
    Released,
    /// Committed, then brought back. Final.
    Returned,
}

/// A movement of the stock of a reservation's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// From available to reserved, if there are enough units.
    Take,
    /// From reserved back to available.
    GiveBack,
    /// From reserved out of the warehouse.
    Sell,
    /// Back into the warehouse.
    Restock,
}

/// The effect of an operation on a reservation: its new status, and the movements of its stock in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The status afterwards.
    pub to: Status,
    /// The movements.
    pub movements: &'static [Movement],
}

const fn to(to: Status, movements: &'static [Movement]) -> Transition {
    Transition { to, movements }
}

/// The reservation of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reservation {
    /// The order, which is also the reservation's identity.
    pub order_id: Uuid,
    /// The status.
    pub status: Status,
    /// The reserved lines, by SKU.
    pub lines: Vec<Line>,
    /// RFC 3339; applies only while held.
    pub expires_at: String,
}

impl Reservation {
    /// Reserving again: the same lines are the same reservation; other lines are an error.
    pub fn check_repeat(&self, wanted: &[Line]) -> Result<(), Error> {
        match self.status {
            Status::Held if self.lines == wanted => Ok(()),
            Status::Held => Err(Error::ReservationDiffers(self.order_id)),
            _ => Err(self.closed()),
        }
    }

    /// Extends the reservation. An expired one takes its stock again.
    pub fn extend(&self) -> Result<Transition, Error> {
        match self.status {
            Status::Held => Ok(to(Status::Held, &[])),
            Status::Expired => Ok(to(Status::Held, &[Movement::Take])),
            _ => Err(self.closed()),
        }
    }

    /// Moves the stock out of the warehouse. An expired reservation takes it again first.
    pub fn commit(&self) -> Result<Transition, Error> {
        match self.status {
            Status::Held => Ok(to(Status::Committed, &[Movement::Sell])),
            Status::Expired => Ok(to(Status::Committed, &[Movement::Take, Movement::Sell])),
            Status::Committed => Ok(to(Status::Committed, &[])),
            _ => Err(self.closed()),
        }
    }

    /// Releases the reservation. After a commit it restocks, once.
    pub fn release(&self) -> Transition {
        match self.status {
            Status::Held => to(Status::Released, &[Movement::GiveBack]),
            Status::Expired => to(Status::Released, &[]),
            Status::Committed => to(Status::Returned, &[Movement::Restock]),
            closed => to(closed, &[]),
        }
    }

    fn closed(&self) -> Error {
        Error::ReservationClosed {
            order_id: self.order_id,
            status: self.status.into(),
        }
    }
}

/// Checks the lines of a reservation and merges those of one SKU.
pub fn join_lines(lines: Vec<Line>) -> Result<Vec<Line>, Error> {
    let invalid = |sentence: String| Error::from(Invalid::new(sentence));
    if lines.is_empty() || lines.len() > MAX_LINES {
        return Err(invalid(format!(
            "lines: {} given, expected 1 to {MAX_LINES}",
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
                    "lines[{index}].quantity: {} is not between 1 and {MAX_QUANTITY} units in all",
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
    fn joins_lines_of_one_sku() {
        let joined = join_lines(vec![line("B", 1), line("A", 2), line("B", 3)]).unwrap();
        assert_eq!(joined, [line("A", 2), line("B", 4)]);
    }

    #[test]
    fn names_the_line_that_is_wrong() {
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
    fn an_expired_reservation_takes_its_stock_again_before_it_is_used() {
        use Movement::{Sell, Take};
        let expired = reservation(Status::Expired);
        assert_eq!(expired.extend().unwrap(), to(Status::Held, &[Take]));
        assert_eq!(
            expired.commit().unwrap(),
            to(Status::Committed, &[Take, Sell])
        );
    }

    #[test]
    fn a_closed_reservation_cannot_be_used_and_is_released_once_only() {
        for status in [Status::Released, Status::Returned] {
            let closed = reservation(status);
            assert!(closed.check_repeat(&closed.lines).is_err());
            assert!(closed.extend().is_err() && closed.commit().is_err());
            assert_eq!(closed.release(), to(status, &[]));
        }
        let committed = reservation(Status::Committed);
        let returned = to(Status::Returned, &[Movement::Restock]);
        assert_eq!(committed.release(), returned);
        assert_eq!(committed.commit().unwrap(), to(Status::Committed, &[]));
    }
}
