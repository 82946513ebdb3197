//! Types and rules, pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most units of one SKU that an order may reserve, and the most that may be on hand.
pub const MAX_QUANTITY: u32 = 1_000_000;
/// The most lines of a reservation.
pub const MAX_LINES: usize = 100;

/// The stock of one SKU, in units. `0 <= reserved <= on_hand`, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The stock keeping unit.
    pub sku: String,
    /// In the warehouse.
    pub on_hand: i64,
    /// Of these, promised to orders.
    pub reserved: i64,
    /// The rest.
    pub available: i64,
}

/// What came and went of one SKU, in units: `on_hand = supplied - sold + returned`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// The stock keeping unit.
    pub sku: String,
    /// Delivered to the warehouse, corrections included.
    pub supplied: i64,
    /// Left with an order.
    pub sold: i64,
    /// Came back from a cancelled order.
    pub returned: i64,
}

/// One line of a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The stock keeping unit.
    pub sku: String,
    /// Units, 1 to [`MAX_QUANTITY`].
    #[serde(deserialize_with = "stoa_service::json::whole::<1, MAX_QUANTITY, _>")]
    pub quantity: u32,
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Stock is promised until `expires_at`.
    Held,
    /// The promise ran out; committing takes stock again, if there is any.
    Expired,
    /// The stock has left.
    Committed,
    /// Given up before it was committed. Final: a late request for the same order finds the door closed.
    Released,
    /// Committed, then brought back. Final.
    Returned,
}

impl Status {
    /// The word in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Status::Held => "held",
            Status::Expired => "expired",
            Status::Committed => "committed",
            Status::Released => "released",
            Status::Returned => "returned",
        }
    }

    /// Reads [`Status::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Status::Held,
            Status::Expired,
            Status::Committed,
            Status::Released,
            Status::Returned,
        ]
        .into_iter()
        .find(|s| s.word() == word)
    }
}

/// A reservation of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reservation {
    /// The order, which is also the reservation's identity.
    pub order_id: Uuid,
    /// Where it stands.
    pub status: Status,
    /// What it holds, by SKU.
    pub lines: Vec<Line>,
    /// RFC 3339; counts only while held.
    pub expires_at: String,
}

/// Checks the lines of a reservation and joins those of one SKU. The error names the place.
pub fn join_lines(lines: Vec<Line>) -> Result<Vec<Line>, String> {
    if lines.is_empty() || lines.len() > MAX_LINES {
        return Err(format!(
            "lines: {} given, expected 1 to {MAX_LINES}",
            lines.len()
        ));
    }
    let mut joined = BTreeMap::<String, u32>::new();
    for (index, line) in lines.into_iter().enumerate() {
        check_sku(&format!("lines[{index}].sku"), &line.sku)?;
        let sum = joined
            .get(&line.sku)
            .copied()
            .unwrap_or(0)
            .checked_add(line.quantity)
            .filter(|sum| line.quantity >= 1 && *sum <= MAX_QUANTITY)
            .ok_or_else(|| {
                format!(
                    "lines[{index}].quantity: {} is not between 1 and {MAX_QUANTITY} units in all",
                    line.quantity
                )
            })?;
        joined.insert(line.sku, sum);
    }
    Ok(joined
        .into_iter()
        .map(|(sku, quantity)| Line { sku, quantity })
        .collect())
}

/// A SKU is 1 to 64 of `A-Z a-z 0-9 - _ .`.
pub fn check_sku(field: &str, sku: &str) -> Result<(), String> {
    let fits = (1..=64).contains(&sku.len())
        && sku
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if fits {
        Ok(())
    } else {
        Err(format!(
            "{field}: `{}` is not 1 to 64 letters, digits, `-`, `_` or `.`",
            stoa_service::id::shorten(sku)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: u32) -> Line {
        Line {
            sku: sku.to_owned(),
            quantity,
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
            (vec![line("a b", 1)], "lines[0].sku"),
        ] {
            let error = join_lines(lines).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
