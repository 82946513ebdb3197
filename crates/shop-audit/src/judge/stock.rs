//! Stock, compared with its ledger and with the reservations. While the shop sells, all three change, so each is read twice around
//! the others. Its value in between is a range, or one number if nothing moved.

use std::collections::BTreeSet;

use super::movements::{Movements, Range};
use crate::judgement::Judgement;
use crate::options::Options;
use crate::snapshot::{Between, Snapshot, Stock};

pub(crate) fn stock_in_range(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    for Stock { item, .. } in &snapshot.stock {
        judgement.count();
        let (on_hand, reserved, available) = (item.on_hand, item.reserved, item.available);
        let in_range = 0 <= reserved && reserved <= on_hand;
        if !in_range || Some(available) != on_hand.checked_sub(reserved) {
            let found = format!("on_hand {on_hand}, reserved {reserved}, available {available}");
            let expected = "0 <= reserved <= on_hand, available = on_hand - reserved";
            judgement.breach(sku(&item.sku), expected, found);
        }
    }
}

pub(crate) fn stock_adds_up(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    for Stock { item, ledger } in &snapshot.stock {
        let Some(Between { before, after }) = ledger else {
            continue;
        };
        judgement.count();
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
            judgement.breach(
                sku(&item.sku),
                expected,
                format!("on_hand {}", item.on_hand),
            );
        }
    }
}

pub(crate) fn reserved_is_held(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let movements = Movements::between(&snapshot.reservations);
    for Stock { item, .. } in &snapshot.stock {
        judgement.count();
        let held = movements.of_sku(&item.sku).held;
        if !held.contains(item.reserved) {
            let expected = format!("reserved {}, as reservations hold", held.range());
            judgement.breach(
                sku(&item.sku),
                expected,
                format!("reserved {}", item.reserved),
            );
        }
    }
    let stocked: BTreeSet<_> = snapshot.stock.iter().map(|s| s.item.sku.as_str()).collect();
    for (name, moved) in movements.iter() {
        if moved.held.least > 0 && !stocked.contains(name) {
            let found = format!("none, and reservations hold {}", moved.held.range());
            judgement.breach(sku(name), "an item of that SKU", found);
        }
    }
}

pub(crate) fn sold_is_committed(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let movements = Movements::between(&snapshot.reservations);
    for Stock { item, ledger } in &snapshot.stock {
        let Some(Between { before: ledger, .. }) = ledger else {
            continue;
        };
        judgement.count();
        let moved = movements.of_sku(&item.sku);
        if !moved.sold.contains(ledger.sold) || !moved.returned.contains(ledger.returned) {
            let expected = format!(
                "sold {}, returned {}, as in the reservations",
                moved.sold.range(),
                moved.returned.range()
            );
            let found = format!("sold {}, returned {}", ledger.sold, ledger.returned);
            judgement.breach(sku(&item.sku), expected, found);
        }
    }
}

fn sku(name: &str) -> String {
    format!("SKU {name}")
}
