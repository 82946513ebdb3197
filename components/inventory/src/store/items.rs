//! SQL for items: the units on hand, and the ledger.

use stoa_service::sql::{Database, Row, SqlError, Value, placeholders, transaction};
use stoa_service::{Sku, params};

use crate::domain::{ExpectedCount, Item, Ledger, check_covers_reserved};
use crate::error::Error;

/// Lists the items whose SKU is greater than `after`, sorted by SKU, at most `count` items.
pub fn list(db: &dyn Database, after: &str, count: u32) -> Result<Vec<Item>, SqlError> {
    db.execute(
        "SELECT sku, on_hand, reserved FROM inventory_items WHERE sku > $1 ORDER BY sku LIMIT $2",
        params![after, count],
    )?
    .map(item)
}

/// Reads the items with these SKUs, in any order. SKUs that are not stocked are left out.
pub fn find_by_skus(db: &dyn Database, skus: &[Sku]) -> Result<Vec<Item>, SqlError> {
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "SELECT sku, on_hand, reserved FROM inventory_items WHERE sku IN ({})",
        placeholders(1, skus.len())
    );
    let values: Vec<Value> = skus.iter().map(Value::from).collect();
    db.execute(&statement, &values)?.map(item)
}

/// Reads the item with this SKU. Error: [`Error::NotStocked`].
pub fn find(db: &dyn Database, sku: &str) -> Result<Item, Error> {
    db.execute(
        "SELECT sku, on_hand, reserved FROM inventory_items WHERE sku = $1",
        params![sku],
    )?
    .one(item)?
    .ok_or_else(|| Error::NotStocked(sku.to_owned()))
}

fn item(row: Row<'_>) -> Result<Item, SqlError> {
    let (on_hand, reserved) = (row.get(1)?, row.get(2)?);
    Ok(Item {
        sku: row.get(0)?,
        on_hand,
        reserved,
        available: on_hand - reserved,
    })
}

/// Sets the units on hand. The ledger records the difference from the previous count as supplied units.
pub fn set_on_hand(
    db: &dyn Database,
    sku: &Sku,
    on_hand: u32,
    expected: &ExpectedCount,
) -> Result<Item, Error> {
    transaction(db, sku, || {
        // This update changes no value. It locks the row, so that no concurrent transaction moves stock of this item before this
        // transaction ends.
        let held = db.execute(
            "UPDATE inventory_items SET on_hand = on_hand WHERE sku = $1 RETURNING on_hand, reserved",
            params![sku],
        )?;
        let held = held.one(|row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
        expected.check(sku, held.map(|(before, _)| before))?;
        let (before, reserved) = held.unwrap_or_default();
        check_covers_reserved(on_hand, reserved)?;
        write_on_hand(db, sku, before, on_hand.into())?;
        find(db, sku.as_str())
    })
}

/// Writes a new count and its ledger entry. `before` is the count that the new count replaces. The caller must hold the lock on the
/// item's row. Only the migration that fills a new database needs no lock.
pub(super) fn write_on_hand(
    db: &dyn Database,
    sku: &Sku,
    before: i64,
    on_hand: i64,
) -> Result<(), SqlError> {
    db.execute(
        "INSERT INTO inventory_items (sku, on_hand, reserved) VALUES ($1, $2, 0)
         ON CONFLICT (sku) DO UPDATE SET on_hand = excluded.on_hand",
        params![sku, on_hand],
    )?;
    db.execute(
        "INSERT INTO inventory_ledger (sku, supplied, sold, returned) VALUES ($1, $2, 0, 0)
         ON CONFLICT (sku) DO UPDATE SET supplied = inventory_ledger.supplied + excluded.supplied",
        params![sku, on_hand - before],
    )
    .map(drop)
}

/// Reads the ledger's sums for one SKU.
pub fn ledger(db: &dyn Database, sku: &str) -> Result<Ledger, Error> {
    db.execute(
        "SELECT sku, supplied, sold, returned FROM inventory_ledger WHERE sku = $1",
        params![sku],
    )?
    .one(|row| {
        Ok(Ledger {
            sku: row.get(0)?,
            supplied: row.get(1)?,
            sold: row.get(2)?,
            returned: row.get(3)?,
        })
    })?
    .ok_or_else(|| Error::NotStocked(sku.to_owned()))
}
