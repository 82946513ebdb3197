//! The quantities that reservations may have held, sold and returned while the stock was read.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use uuid::Uuid;

use crate::record::{Reservation, ReservationStatus};
use crate::snapshot::Between;

/// The quantities by SKU.
pub(super) struct Movements<'a>(BTreeMap<&'a str, Moved>);

/// The quantities of one SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Moved {
    pub(super) held: Sum,
    pub(super) sold: Sum,
    pub(super) returned: Sum,
}

/// A sum that may have been any number in this range.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) least: i128,
    most: i128,
}

impl Sum {
    pub(super) fn contains(self, number: i64) -> bool {
        (self.least..=self.most).contains(&i128::from(number))
    }

    pub(super) fn range(self) -> Range {
        Range(self.least..=self.most)
    }

    fn add(&mut self, quantity: i64, certainly: bool, possibly: bool) {
        let quantity = i128::from(quantity);
        self.least += if certainly { quantity } else { 0 };
        self.most += if possibly { quantity } else { 0 };
    }
}

impl<'a> Movements<'a> {
    pub(super) fn between(reservations: &'a Between<BTreeMap<Uuid, Reservation>>) -> Self {
        let Between { before, after } = reservations;
        let mut sums = Self(BTreeMap::new());
        for (order_id, now) in after {
            sums.add(before.get(order_id), now);
        }
        // Inventory never deletes a reservation; if one is gone, its stock must show as missing.
        let gone = before.iter().filter(|(id, _)| !after.contains_key(id));
        for (_, reservation) in gone {
            sums.add(Some(reservation), reservation);
        }
        sums
    }

    fn add(&mut self, then: Option<&Reservation>, now: &'a Reservation) {
        use ReservationStatus::{Expired, Held, Returned};
        let was = then.map(|then| then.status);
        // A reservation that expired in between and took its stock again has another expiry.
        let held_throughout = then.is_some_and(|then| {
            then.status == Held && now.status == Held && then.expires_at == now.expires_at
        });
        let held_at_times = match was {
            None | Some(Held) => true,
            Some(Expired) => now.status != Expired,
            Some(_) => false,
        };
        let (sold_before, sold) = (was.is_some_and(|s| s.is_sold()), now.status.is_sold());
        let (returned_before, returned) = (was == Some(Returned), now.status == Returned);
        for line in &now.lines {
            let moved = self.0.entry(&line.sku).or_default();
            moved
                .held
                .add(line.quantity, held_throughout, held_at_times);
            moved.sold.add(line.quantity, sold_before, sold);
            moved.returned.add(line.quantity, returned_before, returned);
        }
    }

    /// All SKUs that a reservation names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &Moved)> {
        self.0.iter().map(|(sku, moved)| (*sku, moved))
    }

    /// The quantities of `sku`.
    pub(super) fn of_sku(&self, sku: &str) -> Moved {
        self.0.get(sku).copied().unwrap_or_default()
    }
}

/// `7`, or `5 to 7`.
pub(super) struct Range(pub(super) RangeInclusive<i128>);

impl fmt::Display for Range {
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

    /// Minimum and maximum of held, sold and returned.
    fn moved(then: Option<Reservation>, now: Reservation) -> [(i128, i128); 3] {
        let map = |r: Option<Reservation>| r.map(|r| (r.order_id, r)).into_iter().collect();
        let both = Between {
            before: map(then),
            after: map(Some(now)),
        };
        let Moved {
            held,
            sold,
            returned,
        } = Movements::between(&both).of_sku("A");
        [held, sold, returned].map(|sum| (sum.least, sum.most))
    }

    #[test]
    fn a_reservation_that_stands_still_gives_one_number() {
        for (status, expected) in [
            ("held", [(3, 3), (0, 0), (0, 0)]),
            ("expired", [(0, 0), (0, 0), (0, 0)]),
            ("committed", [(0, 0), (3, 3), (0, 0)]),
            ("released", [(0, 0), (0, 0), (0, 0)]),
            ("returned", [(0, 0), (3, 3), (3, 3)]),
        ] {
            let same = || reservation(status, "14:00");
            assert_eq!(moved(Some(same()), same()), expected, "{status}");
        }
    }

    #[test]
    fn a_reservation_that_moves_gives_every_number_that_it_passed() {
        let (none, some, all) = ((0, 0), (0, 3), (3, 3));
        for (then, now, expected) in [
            (Some("held"), "committed", [some, some, none]),
            (Some("held"), "released", [some, none, none]),
            (Some("held"), "returned", [some, some, some]),
            (Some("expired"), "held", [some, none, none]),
            (Some("expired"), "committed", [some, some, none]),
            (Some("committed"), "returned", [none, all, some]),
            (None, "held", [some, none, none]),
            (None, "committed", [some, some, none]),
        ] {
            let then = then.map(|status| reservation(status, "14:00"));
            let before = format!("{then:?}");
            let now = reservation(now, "14:00");
            assert_eq!(moved(then, now.clone()), expected, "{before} {now:?}");
        }
    }

    #[test]
    fn a_hold_with_another_expiry_may_have_expired_in_between() {
        let (then, now) = (reservation("held", "14:00"), reservation("held", "14:15"));
        assert_eq!(moved(Some(then), now)[0], (0, 3));
    }
}
