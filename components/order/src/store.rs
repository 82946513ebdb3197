//! Orders over SQL. Every write is one short transaction that holds only if the writer still has the order: its lease and
//! its version are compared, then set.

use stoa_service::outbox::{self, Event};
use stoa_service::sql::{Database, Schema, SqlError, Step as Migration, transaction};
use stoa_service::time::Millis;
use stoa_service::{idempotency_table, jwks_table, outbox_index, outbox_table, params};
use uuid::Uuid;

use crate::domain::{Order, Status};
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
    ], CARTS],
};

/// A user's cart is claimed by the order that was made from it (`order_id`), until that order is cancelled or its items are out of the
/// cart. From then on only the cart's versions from `free_from` on can be claimed: older ones still hold what was ordered.
const CARTS: &[Migration] = &[
    Migration::Sql("ALTER TABLE order_orders ADD COLUMN freed_key TEXT"),
    Migration::Sql("ALTER TABLE order_orders ADD COLUMN cart_version BIGINT"),
    Migration::Sql(
        "CREATE TABLE order_carts (user_id TEXT PRIMARY KEY, order_id TEXT, free_from BIGINT NOT NULL)",
    ),
    Migration::Sql("CREATE INDEX order_carts_order ON order_carts (order_id)"),
];

/// Why an order was not written.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Another order has the cart, or had this version of it.
    #[error("the cart is claimed")]
    CartClaimed,
    /// The user's key has an order, as [`SqlError::Duplicate`], or the database fails.
    #[error(transparent)]
    Database(#[from] SqlError),
}

/// Writes a new order with its first intent and its claim on the cart.
pub fn create(db: &dyn Database, order: &Order) -> Result<(), CreateError> {
    let customer = &order.customer;
    transaction(db, customer.user_id, || {
        if let Some(version) = order.cart_version {
            claim_cart(db, order, version)?;
        }
        db.execute(
            "INSERT INTO order_orders (order_id, user_id, email, name, phone, idempotency_key, fingerprint, status,
             direction, step, amount, currency, address, card_token, clear_cart, doubt_until, created_at, lease_owner,
             lease_until, version, cart_version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
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
                order.cart_version,
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
        write_timeline(db, order, 0)?;
        Ok(())
    })
}

fn claim_cart(db: &dyn Database, order: &Order, version: i64) -> Result<(), CreateError> {
    let claimed = db.execute(
        "INSERT INTO order_carts (user_id, order_id, free_from) VALUES ($1, $2, 0)
         ON CONFLICT (user_id) DO UPDATE SET order_id = excluded.order_id
         WHERE order_carts.order_id IS NULL AND order_carts.free_from <= $3 RETURNING order_id",
        params![order.customer.user_id, order.order_id, version],
    )?;
    match claimed.is_empty() {
        true => Err(CreateError::CartClaimed),
        false => Ok(()),
    }
}

/// The order that has the user's cart.
pub fn cart_claimed_by(db: &dyn Database, user_id: Uuid) -> Result<Option<Order>, SqlError> {
    let rows = db.execute(
        "SELECT order_id FROM order_carts WHERE user_id = $1",
        params![user_id],
    )?;
    match rows.one(|row| row.get::<Option<Uuid>>(0))?.flatten() {
        Some(order_id) => find(db, order_id),
        None => Ok(None),
    }
}

/// Confirmed orders whose items are still in a cart, at most `count`.
pub fn carts_to_clear(db: &dyn Database, count: u32) -> Result<Vec<Uuid>, SqlError> {
    db.execute(
        "SELECT o.order_id FROM order_carts c JOIN order_orders o ON o.order_id = c.order_id
         WHERE c.order_id > '' AND o.status = 'confirmed' LIMIT $1",
        params![count],
    )?
    .map(|row| row.get(0))
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
            order.freed_key.as_ref(),
            order.order_id,
            order.version,
        ]
        .to_vec();
        let condition = match guard {
            Guard::Held(owner) => {
                values.push(owner.into());
                "lease_owner = $18"
            }
            Guard::Free(now) => {
                values.push(now.into());
                "lease_until <= $18"
            }
        };
        let statement = format!(
            "UPDATE order_orders SET idempotency_key = $1, status = $2, direction = $3, step = $4, payment_id = $5,
             payment_status = $6, shipment_id = $7, tracking_number = $8, shipment_status = $9, failure = $10,
             doubt_until = $11, confirmed_at = $12, lease_owner = $13, lease_until = $14, freed_key = $15, version = version + 1
             WHERE order_id = $16 AND version = $17 AND {condition} RETURNING version"
        );
        if db.execute(&statement, &values)?.is_empty() {
            return Ok::<_, SqlError>(false);
        }
        write_timeline(db, order, from)?;
        if order.status == Status::Cancelled && order.cart_version.is_some() {
            db.execute(
                "UPDATE order_carts SET order_id = NULL WHERE order_id = $1",
                params![order.order_id],
            )?;
        }
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

/// The order's items are out of the cart, whose version is `version` now: others may claim it from there on.
pub fn cart_cleared(db: &dyn Database, order_id: Uuid, version: i64) -> Result<(), SqlError> {
    transaction(db, order_id, || {
        db.execute(
            "UPDATE order_orders SET clear_cart = 0 WHERE order_id = $1",
            params![order_id],
        )?;
        db.execute(
            "UPDATE order_carts SET order_id = NULL, free_from = $1 WHERE order_id = $2",
            params![version, order_id],
        )
        .map(drop)
    })
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, SqlError> {
    serde_json::to_string(value).map_err(|e| SqlError::Other(e.to_string()))
}

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
