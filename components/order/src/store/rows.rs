//! Reads orders from the database. Every list uses an index, and the number of statements does not grow with the number of orders.

use std::collections::BTreeMap;

use stoa_service::params;
use stoa_service::sql::{Database, Row, Rows, SqlError, Value, placeholders};
use stoa_service::time::Millis;
use uuid::Uuid;

use super::row::{entry, item, order_row};
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

/// The order with the id `order_id`.
pub fn find(db: &dyn Database, order_id: Uuid) -> Result<Option<Order>, SqlError> {
    at_most_one(
        db,
        &db.execute(select!("WHERE order_id = $1"), params![order_id])?,
    )
}

/// The order that the user submitted with the idempotency key `key`.
pub fn by_key(db: &dyn Database, user_id: Uuid, key: &str) -> Result<Option<Order>, SqlError> {
    let rows = db.execute(
        select!("WHERE user_id = $1 AND idempotency_key = $2"),
        params![user_id, key],
    )?;
    at_most_one(db, &rows)
}

/// Whether the user has an order with the idempotency key `key`.
pub(super) fn has_key(db: &dyn Database, user_id: Uuid, key: &str) -> Result<bool, SqlError> {
    let rows = db.execute(
        "SELECT order_id FROM order_orders WHERE user_id = $1 AND idempotency_key = $2",
        params![user_id, key],
    )?;
    Ok(!rows.is_empty())
}

/// Lists the orders of one user, newest first, at most `count`. It lists only orders whose id is below `before`.
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
    with_details(db, &rows)
}

/// Lists the orders of all users, newest first, at most `count`. It lists only orders whose id is below `before` and, with a
/// `status`, only orders with this status.
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
    with_details(db, &rows)
}

/// The ids of pending orders that have no driver at the time `now`, at most `count`. The order whose lease expired first comes
/// first.
pub fn without_driver(db: &dyn Database, now: Millis, count: u32) -> Result<Vec<Uuid>, SqlError> {
    db.execute(
        "SELECT order_id FROM order_orders WHERE status = 'pending' AND lease_until <= $1
         ORDER BY lease_until LIMIT $2",
        params![now, count],
    )?
    .map(|row| row.get(0))
}

fn at_most_one(db: &dyn Database, rows: &Rows<'_>) -> Result<Option<Order>, SqlError> {
    Ok(with_details(db, rows)?.pop())
}

/// Decodes rows of `order_orders`, and adds the items and the timeline of each order.
fn with_details(db: &dyn Database, rows: &Rows<'_>) -> Result<Vec<Order>, SqlError> {
    let mut orders = rows.map(order_row)?;
    let ids: Vec<Value> = orders.iter().map(|order| order.order_id.into()).collect();
    let mut items = grouped_by_order(
        db,
        "SELECT order_id, sku, name, quantity, unit_amount, line_amount FROM order_items",
        &ids,
        item,
    )?;
    let mut timelines = grouped_by_order(
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

/// Runs `select` for the orders with these ids. Returns the decoded rows, grouped by order and sorted by `seq`.
fn grouped_by_order<T>(
    db: &dyn Database,
    select: &str,
    ids: &[Value],
    read: fn(Row<'_>) -> Result<T, SqlError>,
) -> Result<BTreeMap<Uuid, Vec<T>>, SqlError> {
    let mut found = BTreeMap::<Uuid, Vec<T>>::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let placeholders = placeholders(1, ids.len());
    let statement = format!("{select} WHERE order_id IN ({placeholders}) ORDER BY order_id, seq");
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
