//! Computes how many units the reservations may have held, sold and returned at the time when the stock was read.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use uuid::Uuid;

use crate::record::{Reservation, ReservationStatus};
use crate::snapshot::ReadTwice;

/// The units of each SKU that reservations held, sold and returned.
pub(super) struct Movements<'a>(BTreeMap<&'a str, SkuQuantities>);

/// The units of one SKU that reservations held, sold and returned.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct SkuQuantities {
    pub(super) held: QuantityRange,
    pub(super) sold: QuantityRange,
    pub(super) returned: QuantityRange,
}

/// The lowest and the highest value that a quantity may have had.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct QuantityRange {
    pub(super) least: i128,
    most: i128,
}

impl QuantityRange {
    pub(super) fn contains(self, number: i64) -> bool {
        (self.least..=self.most).contains(&i128::from(number))
    }

    pub(super) fn range(self) -> DisplayRange {
        DisplayRange(self.least..=self.most)
    }

    fn add(&mut self, quantity: i64, certainly: bool, possibly: bool) {
        let quantity = i128::from(quantity);
        self.least += if certainly { quantity } else { 0 };
        self.most += if possibly { quantity } else { 0 };
    }
}

impl<'a> Movements<'a> {
    pub(super) fn between(reservations: &'a ReadTwice<BTreeMap<Uuid, Reservation>>) -> Self {
        let ReadTwice { before, after } = reservations;
        let mut movements = Self(BTreeMap::new());
        for (order_id, reservation) in after {
            movements.add(before.get(order_id), reservation);
        }
        // The reservations are read twice, and inventory never deletes a reservation. If a reservation is missing in the second read,
        // its units in the first read still count. Stock that disappeared together with its reservation then becomes a breach.
        let deleted = before.iter().filter(|(id, _)| !after.contains_key(id));
        for (_, reservation) in deleted {
            movements.add(Some(reservation), reservation);
        }
        movements
    }

    fn add(&mut self, before: Option<&Reservation>, after: &'a Reservation) {
        use ReservationStatus::{Expired, Held, Returned};
        let status_before = before.map(|before| before.status);
        // If both reads show a held reservation with the same expiry, its stock was held the whole time. A reservation that expires
        // between the two reads, and then reserves its stock again, gets a new expiry.
        let held_throughout = before.is_some_and(|before| {
            before.status == Held && after.status == Held && before.expires_at == after.expires_at
        });
        let held_at_times = match status_before {
            None | Some(Held) => true,
            Some(Expired) => after.status != Expired,
            Some(_) => false,
        };
        let sold_before = status_before.is_some_and(|status| status.is_sold());
        let sold_after = after.status.is_sold();
        let returned_before = status_before == Some(Returned);
        let returned_after = after.status == Returned;
        for line in &after.lines {
            let sku = self.0.entry(&line.sku).or_default();
            sku.held.add(line.quantity, held_throughout, held_at_times);
            sku.sold.add(line.quantity, sold_before, sold_after);
            sku.returned
                .add(line.quantity, returned_before, returned_after);
        }
    }

    /// All SKUs in reservations, and for each SKU the units that reservations held, sold and returned.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &SkuQuantities)> {
        self.0.iter().map(|(sku, quantities)| (*sku, quantities))
    }

    /// The units of `sku` that reservations held, sold and returned; zero for a SKU without reservations.
    pub(super) fn of_sku(&self, sku: &str) -> SkuQuantities {
        self.0.get(sku).copied().unwrap_or_default()
    }
}

/// Prints a range as `5 to 7`, or as `7` if both ends are equal.
pub(super) struct DisplayRange(pub(super) RangeInclusive<i128>);

impl fmt::Display for DisplayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (self.0.start(), self.0.end());
        if least == most {
            write!(f, "{least}")
        } else {
            write!(f, "{least} to {most}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reservation(status: &str, expires_at: &str) -> Reservation {
        serde_json::from_value(json!({
            "order_id": Uuid::nil(), "status": status, "lines": [{"sku": "A", "quantity": 3}],
            "expires_at": format!("2026-11-21T{expires_at}:00Z")
        }))
        .unwrap()
    }

    /// The ranges (minimum, maximum) of the held, sold and returned units, in this order.
    fn quantities(before: Option<Reservation>, after: Reservation) -> [(i128, i128); 3] {
        let by_order = |r: Option<Reservation>| r.map(|r| (r.order_id, r)).into_iter().collect();
        let reservations = ReadTwice {
            before: by_order(before),
            after: by_order(Some(after)),
        };
        let SkuQuantities {
            held,
            sold,
            returned,
        } = Movements::between(&reservations).of_sku("A");
        [held, sold, returned].map(|range| (range.least, range.most))
    }

    #[test]
    fn the_quantities_of_an_unchanged_reservation_are_single_numbers() {
        for (status, expected) in [
            ("held", [(3, 3), (0, 0), (0, 0)]),
            ("expired", [(0, 0), (0, 0), (0, 0)]),
            ("committed", [(0, 0), (3, 3), (0, 0)]),
            ("released", [(0, 0), (0, 0), (0, 0)]),
            ("returned", [(0, 0), (3, 3), (3, 3)]),
        ] {
            let same = || reservation(status, "14:00");
            assert_eq!(quantities(Some(same()), same()), expected, "{status}");
        }
    }

    #[test]
    fn the_quantities_of_a_changed_reservation_include_every_status_in_between() {
        let (none, some, all) = ((0, 0), (0, 3), (3, 3));
        for (before, after, expected) in [
            (Some("held"), "committed", [some, some, none]),
            (Some("held"), "released", [some, none, none]),
            (Some("held"), "returned", [some, some, some]),
            (Some("expired"), "held", [some, none, none]),
            (Some("expired"), "committed", [some, some, none]),
            (Some("committed"), "returned", [none, all, some]),
            (None, "held", [some, none, none]),
            (None, "committed", [some, some, none]),
        ] {
            let before = before.map(|status| reservation(status, "14:00"));
            let after = reservation(after, "14:00");
            let change = format!("{before:?} {after:?}");
            assert_eq!(quantities(before, after), expected, "{change}");
        }
    }

    #[test]
    fn a_hold_with_another_expiry_may_have_expired_in_between() {
        let (before, after) = (reservation("held", "14:00"), reservation("held", "14:15"));
        assert_eq!(quantities(Some(before), after)[0], (0, 3));
    }
}
