//! Compares stock with the stock ledger and with the reservations. The shop sells during an audit, so ledgers and reservations are
//! read twice: before and after the stock. The two reads give the range of values that are correct for the stock in between. If
//! nothing changed, the range is one number.

use std::collections::BTreeSet;

use super::movements::{DisplayRange, Movements};
use crate::judgement::Judgement;
use crate::options::Options;
use crate::snapshot::{ReadTwice, Snapshot, Stock};

pub(crate) fn stock_in_range(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    for Stock { item, .. } in &snapshot.stock {
        judgement.count_checked();
        let (on_hand, reserved, available) = (item.on_hand, item.reserved, item.available);
        let in_range = 0 <= reserved && reserved <= on_hand;
        if !in_range || Some(available) != on_hand.checked_sub(reserved) {
            let found = format!("on_hand {on_hand}, reserved {reserved}, available {available}");
            let expected = "0 <= reserved <= on_hand, available = on_hand - reserved";
            judgement.add_breach(sku_name(&item.sku), expected, found);
        }
    }
}

pub(crate) fn stock_adds_up(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    for Stock { item, ledger } in &snapshot.stock {
        let Some(ReadTwice { before, after }) = ledger else {
            continue;
        };
        judgement.count_checked();
        let wide = i128::from;
        let (least, most) = (
            before.supplied.min(after.supplied),
            before.supplied.max(after.supplied),
        );
        let least = wide(least) - wide(after.sold) + wide(before.returned);
        let most = wide(most) - wide(before.sold) + wide(after.returned);
        if !(least..=most).contains(&wide(item.on_hand)) {
            let expected = format!(
                "on_hand {} (supplied {}, sold {}, returned {})",
                DisplayRange(least..=most),
                after.supplied,
                after.sold,
                after.returned
            );
            judgement.add_breach(
                sku_name(&item.sku),
                expected,
                format!("on_hand {}", item.on_hand),
            );
        }
    }
}

pub(crate) fn reserved_is_held(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let movements = Movements::between(&snapshot.reservations);
    for Stock { item, .. } in &snapshot.stock {
        judgement.count_checked();
        let held = movements.of_sku(&item.sku).held;
        if !held.contains(item.reserved) {
            let expected = format!("reserved {}, the sum of held reservations", held.range());
            judgement.add_breach(
                sku_name(&item.sku),
                expected,
                format!("reserved {}", item.reserved),
            );
        }
    }
    let stocked: BTreeSet<_> = snapshot.stock.iter().map(|s| s.item.sku.as_str()).collect();
    for (name, moved) in movements.iter() {
        if moved.held.least > 0 && !stocked.contains(name) {
            let found = format!("no item, although reservations hold {}", moved.held.range());
            judgement.add_breach(sku_name(name), "an item with this SKU", found);
        }
    }
}

pub(crate) fn sold_is_committed(snapshot: &Snapshot, _: &Options, judgement: &mut Judgement) {
    let movements = Movements::between(&snapshot.reservations);
    for Stock { item, ledger } in &snapshot.stock {
        let Some(ReadTwice { before: ledger, .. }) = ledger else {
            continue;
        };
        judgement.count_checked();
        let moved = movements.of_sku(&item.sku);
        if !moved.sold.contains(ledger.sold) || !moved.returned.contains(ledger.returned) {
            let expected = format!(
                "sold {}, returned {}, the sums of the reservations",
                moved.sold.range(),
                moved.returned.range()
            );
            let found = format!("sold {}, returned {}", ledger.sold, ledger.returned);
            judgement.add_breach(sku_name(&item.sku), expected, found);
        }
    }
}

fn sku_name(name: &str) -> String {
    format!("SKU {name}")
}
