//! Orders over SQL. Every write is one short transaction that holds only if the writer still has the order: its lease and
//! its version are compared, then set.

use stoa_service::outbox::{self, Event};
use stoa_service::sql::{Database, Schema, SqlError, Step as Migration, transaction};
use stoa_service::time::Millis;
use stoa_service::{idempotency_table, jwks_table, outbox_index, outbox_table, params};
use uuid::Uuid;

use crate::domain::Order;
pub use rows::{by_key, due, find, list, of_user};

mod rows;

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
    transaction(db, order.order_id, || {
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
    let saved = transaction(db, order.order_id, || {
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

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, SqlError> {
    serde_json::to_string(value).map_err(|e| SqlError::Other(e.to_string()))
}

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
