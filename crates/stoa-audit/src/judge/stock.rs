//! Stock, held against its ledger and against the reservations. While the shop sells, none of these stands still, so each is read
//! twice around the others: what it may have been meanwhile is a range, of one number where nothing moved.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use uuid::Uuid;

use crate::auditor::Options;
use crate::look::{Between, Look, Stock};
use crate::record::{Reservation, ReservationStatus};
use crate::verdict::Judgement;

pub(crate) fn stock_in_range(look: &Look, _: &Options, judgement: &mut Judgement) {
    for Stock { item, .. } in &look.stock {
        judgement.look();
        let (on_hand, reserved, available) = (item.on_hand, item.reserved, item.available);
        let in_range = 0 <= reserved && reserved <= on_hand;
        if !in_range || Some(available) != on_hand.checked_sub(reserved) {
            let found = format!("on_hand {on_hand}, reserved {reserved}, available {available}");
            let expected = "0 <= reserved <= on_hand, available = on_hand - reserved";
            judgement.fault(sku(&item.sku), expected, found);
        }
    }
}

pub(crate) fn stock_adds_up(look: &Look, _: &Options, judgement: &mut Judgement) {
    for Stock { item, ledger } in &look.stock {
        let Some(Between { before, after }) = ledger else {
            continue;
        };
        judgement.look();
        let n = i128::from;
        let (fewest, most) = (
            before.supplied.min(after.supplied),
            before.supplied.max(after.supplied),
        );
        let fewest = n(fewest) - n(after.sold) + n(before.returned);
        let most = n(most) - n(before.sold) + n(after.returned);
        if !(fewest..=most).contains(&n(item.on_hand)) {
            let expected = format!(
                "on_hand {}: supplied {}, sold {}, returned {}",
                Range(fewest..=most),
                after.supplied,
                after.sold,
                after.returned
            );
            judgement.fault(
                sku(&item.sku),
                expected,
                format!("on_hand {}", item.on_hand),
            );
        }
    }
}

pub(crate) fn reserved_is_held(look: &Look, _: &Options, judgement: &mut Judgement) {
    let sums = Sums::of(&look.reservations);
    for Stock { item, .. } in &look.stock {
        judgement.look();
        let held = sums.of_sku(&item.sku).held;
        if !held.contains(item.reserved) {
            let expected = format!("reserved {}, as reservations hold", held.range());
            judgement.fault(
                sku(&item.sku),
                expected,
                format!("reserved {}", item.reserved),
            );
        }
    }
    let stocked: BTreeSet<_> = look.stock.iter().map(|s| s.item.sku.as_str()).collect();
    for (name, moved) in &sums.0 {
        if moved.held.least > 0 && !stocked.contains(name) {
            let found = format!("none, and reservations hold {}", moved.held.range());
            judgement.fault(sku(name), "an item of that SKU", found);
        }
    }
}

pub(crate) fn sold_is_committed(look: &Look, _: &Options, judgement: &mut Judgement) {
    let sums = Sums::of(&look.reservations);
    for Stock { item, ledger } in &look.stock {
        let Some(Between { before: ledger, .. }) = ledger else {
            continue;
        };
        judgement.look();
        let moved = sums.of_sku(&item.sku);
        if !moved.sold.contains(ledger.sold) || !moved.returned.contains(ledger.returned) {
            let expected = format!(
                "sold {}, returned {}, as reservations say",
                moved.sold.range(),
                moved.returned.range()
            );
            let found = format!("sold {}, returned {}", ledger.sold, ledger.returned);
            judgement.fault(sku(&item.sku), expected, found);
        }
    }
}

fn sku(name: &str) -> String {
    format!("SKU {name}")
}

/// Of each SKU, what reservations held, took and gave back while the stock was read.
struct Sums<'a>(BTreeMap<&'a str, Moved>);

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Moved {
    held: Sum,
    sold: Sum,
    returned: Sum,
}

/// Between these two.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sum {
    least: i128,
    most: i128,
}

impl Sum {
    fn contains(self, number: i64) -> bool {
        (self.least..=self.most).contains(&i128::from(number))
    }

    fn range(self) -> Range {
        Range(self.least..=self.most)
    }

    fn add(&mut self, quantity: i64, certainly: bool, possibly: bool) {
        let quantity = i128::from(quantity);
        self.least += if certainly { quantity } else { 0 };
        self.most += if possibly { quantity } else { 0 };
    }
}

impl<'a> Sums<'a> {
    fn of(reservations: &'a Between<BTreeMap<Uuid, Reservation>>) -> Self {
        let Between { before, after } = reservations;
        let mut sums = Self(BTreeMap::new());
        for (order_id, now) in after {
            sums.add(before.get(order_id), now);
        }
        // None of them ever goes; if one does, what it held is missing.
        let gone = before.iter().filter(|(id, _)| !after.contains_key(id));
        for (_, reservation) in gone {
            sums.add(Some(reservation), reservation);
        }
        sums
    }

    fn add(&mut self, then: Option<&Reservation>, now: &'a Reservation) {
        use ReservationStatus::{Expired, Held, Returned};
        let was = then.map(|then| then.status);
        // One that lapsed in between and took its stock again has another expiry.
        let all_the_while = then.is_some_and(|then| {
            then.status == Held && now.status == Held && then.expires_at == now.expires_at
        });
        let at_times = match was {
            None | Some(Held) => true,
            Some(Expired) => now.status != Expired,
            Some(_) => false,
        };
        let (sold_before, sold) = (was.is_some_and(|s| s.is_sold()), now.status.is_sold());
        let (returned_before, returned) = (was == Some(Returned), now.status == Returned);
        for line in &now.lines {
            let moved = self.0.entry(&line.sku).or_default();
            moved.held.add(line.quantity, all_the_while, at_times);
            moved.sold.add(line.quantity, sold_before, sold);
            moved.returned.add(line.quantity, returned_before, returned);
        }
    }

    fn of_sku(&self, sku: &str) -> Moved {
        self.0.get(sku).copied().unwrap_or_default()
    }
}

/// `7`, or `5 to 7`.
struct Range(RangeInclusive<i128>);

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

    /// held, sold and returned, each from and to.
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
        } = Sums::of(&both).of_sku("A");
        [held, sold, returned].map(|sum| (sum.least, sum.most))
    }

    #[test]
    fn what_stands_still_is_one_number() {
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
    fn what_moves_is_all_that_it_may_have_been() {
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
    fn a_hold_with_another_expiry_may_have_lapsed_in_between() {
        let (then, now) = (reservation("held", "14:00"), reservation("held", "14:15"));
        assert_eq!(moved(Some(then), now)[0], (0, 3));
    }
}
