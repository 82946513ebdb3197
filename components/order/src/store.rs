//! Orders over SQL. Every write is one short transaction that holds only if the writer still has the order: its lease and
//! its version are compared, then set.

use stoa_service::money::Money;
use stoa_service::outbox::{self, Event};
use stoa_service::sql::{Database, Row, Schema, SqlError, Step as Migration, transaction};
use stoa_service::time::Millis;
use stoa_service::{idempotency_table, jwks_table, outbox_index, outbox_table, params};
use uuid::Uuid;

use crate::domain::{
    Customer, Direction, Entry, Item, Lease, Order, Payment, Shipment, Status, Step,
};

/// The tables of this service.
pub const SCHEMA: Schema = Schema {
    service: "order",
    migrations: &[&[
        Migration::Sql(
            "CREATE TABLE order_orders (order_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, email TEXT NOT NULL,
             name TEXT NOT NULL, phone TEXT, idempotency_key TEXT, fingerprint TEXT NOT NULL, status TEXT NOT NULL,
             direction TEXT NOT NULL, step TEXT NOT NULL, amount BIGINT NOT NULL, currency TEXT NOT NULL,
             address TEXT NOT NULL, card_token TEXT NOT NULL, payment_id TEXT, payment_status TEXT, shipment_id TEXT,
             tracking_number TEXT, shipment_status TEXT, failure TEXT, clear_cart BIGINT NOT NULL,
             doubt_until BIGINT NOT NULL, created_at BIGINT NOT NULL, confirmed_at BIGINT, lease_owner TEXT NOT NULL,
             lease_until BIGINT NOT NULL, version BIGINT NOT NULL)",
        ),
        // A key that was given free is NULL, and NULLs are not equal.
        Migration::Sql("CREATE UNIQUE INDEX order_orders_key ON order_orders (user_id, idempotency_key)"),
        Migration::Sql("CREATE INDEX order_orders_user ON order_orders (user_id, order_id)"),
        Migration::Sql("CREATE INDEX order_orders_status ON order_orders (status, order_id)"),
        Migration::Sql("CREATE INDEX order_orders_lease ON order_orders (status, lease_until)"),
        Migration::Sql(
            "CREATE TABLE order_items (order_id TEXT NOT NULL, seq BIGINT NOT NULL, sku TEXT NOT NULL, name TEXT NOT NULL,
             quantity BIGINT NOT NULL, unit_amount BIGINT NOT NULL, line_amount BIGINT NOT NULL,
             PRIMARY KEY (order_id, seq))",
        ),
        Migration::Sql(
            "CREATE TABLE order_timeline (order_id TEXT NOT NULL, seq BIGINT NOT NULL, step TEXT NOT NULL,
             status TEXT NOT NULL, at BIGINT NOT NULL, detail TEXT, PRIMARY KEY (order_id, seq))",
        ),
        Migration::Sql(idempotency_table!("order")),
        Migration::Sql(jwks_table!("order")),
        Migration::Sql(outbox_table!("order")),
        Migration::Sql(outbox_index!("order")),
    ]],
};

/// Writes a new order with its first intent. [`SqlError::Duplicate`] where the user's key has an order.
pub fn create(db: &dyn Database, order: &Order) -> Result<(), SqlError> {
    let customer = &order.customer;
    transaction(db, || {
        db.execute(
            "INSERT INTO order_orders (order_id, user_id, email, name, phone, idempotency_key, fingerprint, status,
             direction, step, amount, currency, address, card_token, clear_cart, doubt_until, created_at, lease_owner,
             lease_until, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
            params![
                order.order_id,
                customer.user_id,
                &customer.email,
                &customer.name,
                customer.phone.as_ref(),
                order.idempotency_key.as_ref(),
                &order.fingerprint,
                order.status.word(),
                order.direction.word(),
                order.step.word(),
                order.total.amount,
                order.total.currency.code(),
                to_json(&order.address)?,
                &order.card_token,
                order.clear_cart,
                order.doubt_until,
                order.created_at,
                &order.lease.owner,
                order.lease.until,
                order.version,
            ],
        )?;
        for (seq, item) in order.items.iter().enumerate() {
            db.execute(
                "INSERT INTO order_items (order_id, seq, sku, name, quantity, unit_amount, line_amount)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                params![
                    order.order_id,
                    number(seq),
                    &item.sku,
                    &item.name,
                    item.quantity,
                    item.unit_price.amount,
                    item.line_total.amount,
                ],
            )?;
        }
        write_timeline(db, order, 0)
    })
}

/// Who may write an order.
#[derive(Debug, Clone, Copy)]
pub enum Guard<'a> {
    /// The owner of its lease.
    Held(&'a str),
    /// Anybody, if nobody holds it at this moment.
    Free(Millis),
}

/// Writes what may change of `order`, its timeline from line `from` on, and `event`, all or nothing. False, and nothing
/// is written, where the order was written since it was read or `guard` does not hold.
pub fn save(
    db: &dyn Database,
    order: &mut Order,
    guard: Guard<'_>,
    from: usize,
    event: Option<&Event>,
) -> Result<bool, SqlError> {
    let failure = order.failure.as_ref().map(to_json).transpose()?;
    let saved = transaction(db, || {
        let mut values = params![
            order.idempotency_key.as_ref(),
            order.status.word(),
            order.direction.word(),
            order.step.word(),
            order.payment.as_ref().map(|p| p.payment_id),
            order.payment.as_ref().map(|p| &p.status),
            order.shipment.as_ref().map(|s| s.shipment_id),
            order
                .shipment
                .as_ref()
                .and_then(|s| s.tracking_number.as_ref()),
            order.shipment.as_ref().map(|s| &s.status),
            failure.as_ref(),
            order.doubt_until,
            order.confirmed_at,
            &order.lease.owner,
            order.lease.until,
            order.order_id,
            order.version,
        ]
        .to_vec();
        let condition = match guard {
            Guard::Held(owner) => {
                values.push(owner.into());
                "lease_owner = $17"
            }
            Guard::Free(now) => {
                values.push(now.into());
                "lease_until <= $17"
            }
        };
        let statement = format!(
            "UPDATE order_orders SET idempotency_key = $1, status = $2, direction = $3, step = $4, payment_id = $5,
             payment_status = $6, shipment_id = $7, tracking_number = $8, shipment_status = $9, failure = $10,
             doubt_until = $11, confirmed_at = $12, lease_owner = $13, lease_until = $14, version = version + 1
             WHERE order_id = $15 AND version = $16 AND {condition} RETURNING version"
        );
        if db.execute(&statement, &values)?.is_empty() {
            return Ok::<_, SqlError>(false);
        }
        write_timeline(db, order, from)?;
        if let Some(event) = event {
            outbox::enqueue(db, "order", event)?;
        }
        Ok(true)
    })?;
    if saved {
        order.version += 1;
    }
    Ok(saved)
}

fn write_timeline(db: &dyn Database, order: &Order, from: usize) -> Result<(), SqlError> {
    for (seq, entry) in order.timeline.iter().enumerate().skip(from) {
        db.execute(
            "INSERT INTO order_timeline (order_id, seq, step, status, at, detail) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (order_id, seq) DO UPDATE SET status = excluded.status, at = excluded.at, detail = excluded.detail",
            params![
                order.order_id,
                number(seq),
                entry.step,
                entry.status,
                entry.at,
                entry.detail.as_ref()
            ],
        )?;
    }
    Ok(())
}

/// The cart was emptied.
pub fn cart_cleared(db: &dyn Database, order_id: Uuid) -> Result<(), SqlError> {
    db.execute(
        "UPDATE order_orders SET clear_cart = 0 WHERE order_id = $1",
        params![order_id],
    )
    .map(drop)
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT order_id, user_id, email, name, phone, idempotency_key, fingerprint, status, direction, step, amount,
             currency, address, card_token, payment_id, payment_status, shipment_id, tracking_number, shipment_status,
             failure, clear_cart, doubt_until, created_at, confirmed_at, lease_owner, lease_until, version
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

/// Where a list starts that begins with the newest: greater than any id.
pub const NEWEST: &str = "~";

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

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, SqlError> {
    serde_json::to_string(value).map_err(|e| SqlError::Other(e.to_string()))
}

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_service::testing::Sqlite;

    #[test]
    fn every_list_is_read_by_an_index() {
        let sqlite = Sqlite::new();
        let db = sqlite.connect();
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
            let plan = db
                .execute(&format!("EXPLAIN QUERY PLAN {statement}"), &[])
                .unwrap();
            let lines: Vec<String> = plan.map(|row| row.get(3)).unwrap();
            assert!(
                lines.len() == 1 && lines[0].contains(index),
                "{statement}: {lines:?}"
            );
        }
    }
}
