//! Orders read back. Every list is read by an index.

use stoa_service::money::Money;
use stoa_service::params;
use stoa_service::sql::{Database, Row, SqlError};
use stoa_service::time::Millis;
use uuid::Uuid;

use crate::domain::{
    Customer, Direction, Entry, Item, Lease, Order, Payment, Shipment, Status, Step,
};

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

/// The order of that id.
pub fn find(db: &dyn Database, order_id: Uuid) -> Result<Option<Order>, SqlError> {
    let rows = db.execute(select!("WHERE order_id = $1"), params![order_id])?;
    rows.one(head)?.map(|order| whole(db, order)).transpose()
}

/// The order that `user_id` submitted with `key`.
pub fn by_key(db: &dyn Database, user_id: Uuid, key: &str) -> Result<Option<Order>, SqlError> {
    let rows = db.execute(
        select!("WHERE user_id = $1 AND idempotency_key = $2"),
        params![user_id, key],
    )?;
    rows.one(head)?.map(|order| whole(db, order)).transpose()
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
    all(db, rows.map(head)?)
}

/// The orders of everybody before `before`, newest first, at most `count`; of one status if one is asked for.
pub fn list(
    db: &dyn Database,
    status: Option<Status>,
    before: &str,
    count: u32,
) -> Result<Vec<Order>, SqlError> {
    let rows = match status {
        Some(status) => db.execute(
            select!("WHERE status = $1 AND order_id < $2 ORDER BY order_id DESC LIMIT $3"),
            params![status.word(), before, count],
        )?,
        None => db.execute(
            select!("WHERE order_id < $1 ORDER BY order_id DESC LIMIT $2"),
            params![before, count],
        )?,
    };
    all(db, rows.map(head)?)
}

/// The pending orders that nobody drives at `now`, the longest neglected first, at most `count`.
pub fn due(db: &dyn Database, now: Millis, count: u32) -> Result<Vec<Uuid>, SqlError> {
    db.execute(
        "SELECT order_id FROM order_orders WHERE status = 'pending' AND lease_until <= $1
         ORDER BY lease_until LIMIT $2",
        params![now, count],
    )?
    .map(|row| row.get(0))
}

fn all(db: &dyn Database, heads: Vec<Order>) -> Result<Vec<Order>, SqlError> {
    heads.into_iter().map(|order| whole(db, order)).collect()
}

fn head(row: Row<'_>) -> Result<Order, SqlError> {
    let wrong = |column: &str| SqlError::Other(format!("order_orders.{column} holds nonsense"));
    let word = |index: usize| row.get::<String>(index);
    let currency = word(11)?.parse().map_err(|_| wrong("currency"))?;
    let payment = match row.get::<Option<Uuid>>(14)? {
        Some(payment_id) => Some(Payment {
            payment_id,
            status: row.get(15)?,
        }),
        None => None,
    };
    let shipment = match row.get::<Option<Uuid>>(16)? {
        Some(shipment_id) => Some(Shipment {
            shipment_id,
            tracking_number: row.get(17)?,
            status: row.get(18)?,
        }),
        None => None,
    };
    Ok(Order {
        order_id: row.get(0)?,
        customer: Customer {
            user_id: row.get(1)?,
            email: row.get(2)?,
            name: row.get(3)?,
            phone: row.get(4)?,
        },
        idempotency_key: row.get(5)?,
        fingerprint: row.get(6)?,
        status: Status::from_word(&word(7)?).ok_or_else(|| wrong("status"))?,
        direction: Direction::from_word(&word(8)?).ok_or_else(|| wrong("direction"))?,
        step: Step::from_word(&word(9)?).ok_or_else(|| wrong("step"))?,
        items: Vec::new(),
        total: Money {
            amount: row.get(10)?,
            currency,
        },
        address: serde_json::from_str(&word(12)?).map_err(|_| wrong("address"))?,
        card_token: row.get(13)?,
        payment,
        shipment,
        failure: row
            .get::<Option<String>>(19)?
            .map(|text| serde_json::from_str(&text).map_err(|_| wrong("failure")))
            .transpose()?,
        clear_cart: row.get(20)?,
        doubt_until: row.get(21)?,
        created_at: row.get(22)?,
        confirmed_at: row.get(23)?,
        lease: Lease {
            owner: row.get(24)?,
            until: row.get(25)?,
        },
        version: row.get(26)?,
        freed_key: row.get(27)?,
        cart_version: row.get(28)?,
        timeline: Vec::new(),
    })
}

fn whole(db: &dyn Database, mut order: Order) -> Result<Order, SqlError> {
    let currency = order.total.currency;
    order.items = db
        .execute(
            "SELECT sku, name, quantity, unit_amount, line_amount FROM order_items WHERE order_id = $1 ORDER BY seq",
            params![order.order_id],
        )?
        .map(|row| {
            Ok(Item {
                sku: row.get(0)?,
                name: row.get(1)?,
                quantity: row.get(2)?,
                unit_price: Money {
                    amount: row.get(3)?,
                    currency,
                },
                line_total: Money {
                    amount: row.get(4)?,
                    currency,
                },
            })
        })?;
    order.timeline = db
        .execute(
            "SELECT step, status, at, detail FROM order_timeline WHERE order_id = $1 ORDER BY seq",
            params![order.order_id],
        )?
        .map(|row| {
            Ok(Entry {
                step: known(&row.get::<String>(0)?)?,
                status: known(&row.get::<String>(1)?)?,
                at: row.get(2)?,
                detail: row.get(3)?,
            })
        })?;
    Ok(order)
}

/// The timeline's words.
fn known(word: &str) -> Result<&'static str, SqlError> {
    let steps = Step::ALL.iter().map(|step| step.word());
    steps
        .chain([
            "confirmed",
            "cancelled",
            "started",
            "waiting",
            "done",
            "failed",
        ])
        .find(|known| *known == word)
        .ok_or_else(|| SqlError::Other(format!("order_timeline holds `{word}`")))
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
