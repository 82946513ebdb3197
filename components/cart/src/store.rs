//! Stores carts in a SQL database. Each item has its own row, so concurrent writers of different items do not overwrite each other.

use stoa_service::money::Money;
use stoa_service::sql::{Database, Row, Schema, SqlError, Step, transaction};
use stoa_service::time::Millis;
use stoa_service::{jwks_table, params};
use uuid::Uuid;

use crate::domain::{Cart, Item, OrderedLine, check_room};
use crate::error::Error;

/// The tables of this service, with their migrations.
pub const SCHEMA: Schema = Schema {
    service: "cart",
    migrations: &[
        &[
            Step::Sql(
                "CREATE TABLE cart_items (user_id TEXT NOT NULL, sku TEXT NOT NULL, quantity BIGINT NOT NULL,
                 name TEXT NOT NULL, amount BIGINT, currency TEXT, seen_at BIGINT NOT NULL, added_at BIGINT NOT NULL,
                 PRIMARY KEY (user_id, sku))",
            ),
            Step::Sql(jwks_table!("cart")),
        ],
        // The column `taken_by` contains the id of the last order whose items were removed from the cart. The column `added_in`
        // contains the version of the cart in which an item was added.
        &[
            Step::Sql(
                "CREATE TABLE cart_carts (user_id TEXT PRIMARY KEY, version BIGINT NOT NULL, taken_by TEXT)",
            ),
            Step::Sql("ALTER TABLE cart_items ADD COLUMN added_in BIGINT NOT NULL DEFAULT 0"),
        ],
    ],
};

/// The version of the user's cart; 0 if the cart was never changed.
fn version(db: &dyn Database, user_id: Uuid) -> Result<i64, SqlError> {
    let rows = db.execute(
        "SELECT version FROM cart_carts WHERE user_id = $1",
        params![user_id],
    )?;
    Ok(rows.one(|row| row.get(0))?.unwrap_or(0))
}

/// Increases the version of the user's cart and returns the new version. The caller must be in the transaction that changes the
/// cart.
fn next_version(db: &dyn Database, user_id: Uuid) -> Result<i64, SqlError> {
    let rows = db.execute(
        "INSERT INTO cart_carts (user_id, version) VALUES ($1, 1)
         ON CONFLICT (user_id) DO UPDATE SET version = cart_carts.version + 1 RETURNING version",
        params![user_id],
    )?;
    rows.one(|row| row.get(0))?
        .ok_or_else(|| SqlError::Other("the table cart_carts returned no version".to_owned()))
}

/// The query of [`find`]. A single statement reads the version and the items, so that the items belong to this version.
pub const CART_QUERY: &str =
    "SELECT sku, quantity, name, amount, currency, seen_at, version FROM cart_items
     LEFT JOIN cart_carts ON cart_carts.user_id = cart_items.user_id WHERE cart_items.user_id = $1
     ORDER BY added_at, sku";

/// Reads the user's cart.
pub fn find(db: &dyn Database, user_id: Uuid) -> Result<Cart, SqlError> {
    let rows = db.execute(CART_QUERY, params![user_id])?;
    let version = match rows.one(|row| row.get::<Option<i64>>(6))? {
        // An earlier release stored items without a version. Such a cart counts as version 0.
        Some(version) => version.unwrap_or(0),
        None => version(db, user_id)?,
    };
    let items = rows.map(item)?;
    Ok(Cart { version, items })
}

fn item(row: Row<'_>) -> Result<Item, SqlError> {
    let price = match row.get::<Option<i64>>(3)? {
        Some(amount) => Some(Money {
            amount,
            currency: row.parse(4)?,
        }),
        None => None,
    };
    Ok(Item {
        sku: row.get(0)?,
        quantity: row.get(1)?,
        name: row.get(2)?,
        price,
        priced_at: row.get(5)?,
    })
}

/// Adds `item` to the user's cart, or replaces the item with the same SKU. Errors: [`Error::CartFull`] if the cart has no room for
/// another item.
pub fn put(db: &dyn Database, user_id: Uuid, item: &Item, now: Millis) -> Result<(), Error> {
    transaction(db, user_id, || {
        let others: u32 = db
            .execute(
                "SELECT COUNT(*) FROM cart_items WHERE user_id = $1 AND sku <> $2",
                params![user_id, &item.sku],
            )?
            .one(|row| row.get(0))?
            .unwrap_or(0);
        check_room(usize::try_from(others).unwrap_or(usize::MAX))?;
        let version = next_version(db, user_id)?;
        db.execute(
            "INSERT INTO cart_items (user_id, sku, quantity, name, amount, currency, seen_at, added_at, added_in)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (user_id, sku) DO UPDATE SET quantity = excluded.quantity, name = excluded.name,
             amount = excluded.amount, currency = excluded.currency, seen_at = excluded.seen_at",
            params![
                user_id,
                &item.sku,
                item.quantity,
                &item.name,
                item.price.map(|price| price.amount),
                item.price.map(|price| price.currency.code()),
                item.priced_at,
                now,
                version
            ],
        )?;
        Ok(())
    })
}

/// Removes the item with this SKU from the user's cart. A missing item is not an error.
pub fn remove(db: &dyn Database, user_id: Uuid, sku: &str) -> Result<(), SqlError> {
    transaction(db, user_id, || {
        db.execute(
            "DELETE FROM cart_items WHERE user_id = $1 AND sku = $2",
            params![user_id, sku],
        )?;
        next_version(db, user_id).map(drop)
    })
}

/// Removes all items from the user's cart.
pub fn clear(db: &dyn Database, user_id: Uuid) -> Result<(), SqlError> {
    transaction(db, user_id, || {
        db.execute(
            "DELETE FROM cart_items WHERE user_id = $1",
            params![user_id],
        )?;
        next_version(db, user_id).map(drop)
    })
}

/// Removes from the cart the units that the order `order_id` bought. The order was made from the cart's `version`. Units and items
/// that were added after `version` stay in the cart. Returns the cart's version after the removal. A repeat for the same order
/// changes nothing.
pub fn remove_ordered(
    db: &dyn Database,
    user_id: Uuid,
    order_id: Uuid,
    version: i64,
    ordered: &[OrderedLine],
) -> Result<i64, SqlError> {
    transaction(db, user_id, || {
        let cleared = db.execute(
            "SELECT version FROM cart_carts WHERE user_id = $1 AND taken_by = $2",
            params![user_id, order_id],
        )?;
        if let Some(version_now) = cleared.one(|row| row.get(0))? {
            return Ok(version_now);
        }
        for line in ordered {
            db.execute(
                "DELETE FROM cart_items WHERE user_id = $1 AND sku = $2 AND added_in <= $3 AND quantity <= $4",
                params![user_id, &line.sku, version, line.quantity],
            )?;
            db.execute(
                "UPDATE cart_items SET quantity = quantity - $1
                 WHERE user_id = $2 AND sku = $3 AND added_in <= $4 AND quantity > $1",
                params![line.quantity, user_id, &line.sku, version],
            )?;
        }
        let version_now = next_version(db, user_id)?;
        db.execute(
            "UPDATE cart_carts SET taken_by = $1 WHERE user_id = $2",
            params![order_id, user_id],
        )?;
        Ok(version_now)
    })
}
