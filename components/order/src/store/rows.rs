//! Reads orders. Every list uses an index, and the number of statements does not depend on the number of orders.

use std::collections::BTreeMap;

use stoa_service::params;
use stoa_service::sql::{Database, Row, Rows, SqlError, Value, places};
use stoa_service::time::Millis;
use uuid::Uuid;

use super::row::{entry, head, item};
use crate::domain::{Order, Status};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT order_id, user_id, email, name, phone, idempotency_key, fingerprint, status, direction, step, amount,
             currency, address, card_token, payment_id, payment_status, shipment_id, tracking_number, shipment_status,
             failure, clear_cart, doubt_until, created_at, confirmed_at, lease_owner, lease_until, version, freed_key,
             cart_version
             FROM order_orders ",
            $rest
        )
    };
}

/// The order with that id.
pub fn find(db: &dyn Database, order_id: Uuid) -> Result<Option<Order>, SqlError> {
    one(
        db,
        &db.execute(select!("WHERE order_id = $1"), params![order_id])?,
    )
}

/// The order that `user_id` submitted with `key`.
pub fn by_key(db: &dyn Database, user_id: Uuid, key: &str) -> Result<Option<Order>, SqlError> {
    let rows = db.execute(
        select!("WHERE user_id = $1 AND idempotency_key = $2"),
        params![user_id, key],
    )?;
    one(db, &rows)
}

/// Whether `user_id` submitted an order with `key`.
pub(super) fn has_key(db: &dyn Database, user_id: Uuid, key: &str) -> Result<bool, SqlError> {
    let rows = db.execute(
        "SELECT order_id FROM order_orders WHERE user_id = $1 AND idempotency_key = $2",
        params![user_id, key],
    )?;
    Ok(!rows.is_empty())
}

/// The orders of `user_id` before `before`, newest first, at most `count`.
pub fn of_user(
    db: &dyn Database,
    user_id: Uuid,
    before: &str,
    count: u32,
) -> Result<Vec<Order>, SqlError> {
    let rows = db.execute(
        select!("WHERE user_id = $1 AND order_id < $2 ORDER BY order_id DESC LIMIT $3"),
        params![user_id, before, count],
    )?;
    whole(db, &rows)
}

/// The orders of all users before `before`, newest first, at most `count`; only those with `status`, if it is given.
pub fn list(
    db: &dyn Database,
    status: Option<Status>,
    before: &str,
    count: u32,
) -> Result<Vec<Order>, SqlError> {
    let rows = match status {
        Some(status) => db.execute(
            select!("WHERE status = $1 AND order_id < $2 ORDER BY order_id DESC LIMIT $3"),
            params![<&str>::from(status), before, count],
        )?,
        None => db.execute(
            select!("WHERE order_id < $1 ORDER BY order_id DESC LIMIT $2"),
            params![before, count],
        )?,
    };
    whole(db, &rows)
}

/// The pending orders without a driver at `now`, the longest neglected first, at most `count`.
pub fn due(db: &dyn Database, now: Millis, count: u32) -> Result<Vec<Uuid>, SqlError> {
    db.execute(
        "SELECT order_id FROM order_orders WHERE status = 'pending' AND lease_until <= $1
         ORDER BY lease_until LIMIT $2",
        params![now, count],
    )?
    .map(|row| row.get(0))
}

fn one(db: &dyn Database, rows: &Rows<'_>) -> Result<Option<Order>, SqlError> {
    Ok(whole(db, rows)?.pop())
}

/// The orders of these rows, with their items and timelines.
fn whole(db: &dyn Database, rows: &Rows<'_>) -> Result<Vec<Order>, SqlError> {
    let mut orders = rows.map(head)?;
    let ids: Vec<Value> = orders.iter().map(|order| order.order_id.into()).collect();
    let mut items = by_order(
        db,
        "SELECT order_id, sku, name, quantity, unit_amount, line_amount FROM order_items",
        &ids,
        item,
    )?;
    let mut timelines = by_order(
        db,
        "SELECT order_id, step, status, at, detail FROM order_timeline",
        &ids,
        entry,
    )?;
    for order in &mut orders {
        let currency = order.total.currency;
        let items = items.remove(&order.order_id).unwrap_or_default();
        order.items = items
            .into_iter()
            .map(|item| item.priced_in(currency))
            .collect();
        order.timeline = timelines.remove(&order.order_id).unwrap_or_default();
    }
    Ok(orders)
}

/// The rows that `select` finds for these orders, each order's in sequence.
fn by_order<T>(
    db: &dyn Database,
    select: &str,
    ids: &[Value],
    read: fn(Row<'_>) -> Result<T, SqlError>,
) -> Result<BTreeMap<Uuid, Vec<T>>, SqlError> {
    let mut found = BTreeMap::<Uuid, Vec<T>>::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let places = places(1, ids.len());
    let statement = format!("{select} WHERE order_id IN ({places}) ORDER BY order_id, seq");
    for row in db.execute(&statement, ids)?.iter() {
        found.entry(row.get(0)?).or_default().push(read(row)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SCHEMA;
    use stoa_service::testing::TestDatabase;

    #[test]
    fn every_list_is_read_by_an_index() {
        let database = TestDatabase::new();
        let db = database.connect();
        SCHEMA.ensure(&db).unwrap();
        for (statement, index) in [
            (
                select!("WHERE user_id = '' AND order_id < '' ORDER BY order_id DESC LIMIT 9"),
                "order_orders_user",
            ),
            (
                select!("WHERE status = '' AND order_id < '' ORDER BY order_id DESC LIMIT 9"),
                "order_orders_status",
            ),
            (
                select!("WHERE order_id < '' ORDER BY order_id DESC LIMIT 9"),
                "sqlite_autoindex_order_orders_1",
            ),
            (
                select!("WHERE user_id = '' AND idempotency_key = ''"),
                "order_orders_key",
            ),
            (
                "SELECT order_id FROM order_orders WHERE status = 'pending' AND lease_until <= 9 ORDER BY lease_until LIMIT 9",
                "order_orders_lease",
            ),
        ] {
            let explain = format!("EXPLAIN QUERY PLAN {statement}");
            let plan = db.execute(&explain, &[]).unwrap();
            let lines: Vec<String> = plan.map(|row| row.get(3)).unwrap();
            assert!(
                lines.len() == 1 && lines[0].contains(index),
                "{statement}: {lines:?}"
            );
        }
    }
}
