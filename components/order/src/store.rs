//! Stores orders in a SQL database. Every write is one short transaction. It compares the order's lease and version, and it changes
//! the order only if no other writer has changed this lease or version.
//!
//! This file creates and saves orders, [`rows`] reads orders, and [`carts`] stores the claims of orders on carts.
//!
//! The row of an order also records its `Idempotency-Key`, which is unique among the orders of a user. The table
//! `order_idempotency` stores the few responses that cannot be made from an order (see `http.rs`).

use stoa_service::outbox::{self, Event};
use stoa_service::sql::{Database, SqlError, transaction};
use stoa_service::time::Millis;
use stoa_service::{idempotency, params};
use uuid::Uuid;

use crate::domain::{Order, Status};
use crate::error::Error;

pub mod carts;
mod row;
pub mod rows;
mod schema;

pub use schema::SCHEMA;

/// Writes a new order, its first intent, and its claim on the customer's cart.
///
/// Errors: [`Error::CartInOrder`] if another order claims the cart or was made from the same version of the cart.
/// [`Error::KeyInProgress`] if the user's idempotency key already has an order or a stored response.
pub fn create(db: &dyn Database, order: &Order) -> Result<(), Error> {
    let customer = &order.customer;
    let created = transaction(db, customer.user_id, || {
        if let Some(key) = &order.idempotency_key
            && idempotency::has_response(db, "order", &customer.user_id.to_string(), key)?
        {
            return Err(Error::KeyInProgress);
        }
        if let Some(version) = order.cart_version {
            carts::claim(db, order, version)?;
        }
        insert(db, order)?;
        Ok(())
    });
    match created {
        Err(Error::Database(SqlError::Duplicate(_))) => Err(Error::KeyInProgress),
        other => other,
    }
}

/// Runs `work` in a transaction in which the user's idempotency key has no order and can get none. If the key already has an order,
/// returns `None` and does not run `work`.
pub fn without_order<T>(
    db: &dyn Database,
    user_id: Uuid,
    key: &str,
    work: impl FnOnce() -> Result<T, SqlError>,
) -> Result<Option<T>, SqlError> {
    transaction(db, user_id, || match rows::has_key(db, user_id, key)? {
        true => Ok(None),
        false => work().map(Some),
    })
}

fn insert(db: &dyn Database, order: &Order) -> Result<(), SqlError> {
    let customer = &order.customer;
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
            <&str>::from(order.status),
            <&str>::from(order.direction),
            order.step.as_str(),
            order.total.amount,
            order.total.currency.code(),
            to_json(&order.address)?,
            &order.card_token,
            order.clear_cart,
            order.uncertain_until,
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
                to_i64(seq),
                &item.sku,
                &item.name,
                item.quantity,
                item.unit_price.amount,
                item.line_total.amount,
            ],
        )?;
    }
    write_timeline(db, order, 0)
}

/// The condition that the stored lease must meet, so that a write changes an order.
#[derive(Debug, Clone, Copy)]
pub enum Guard<'a> {
    /// The stored lease must belong to the driver with this id.
    Held(&'a str),
    /// The stored lease must have expired by this time, so that no driver holds it.
    Free(Millis),
}

/// Writes `order`, the entries of its timeline from index `first_entry` on, and `event`, in one transaction. Returns false and
/// writes nothing if the stored lease does not meet `guard`, or if another writer changed the order after this request had read it.
pub fn save(
    db: &dyn Database,
    order: &mut Order,
    guard: Guard<'_>,
    first_entry: usize,
    event: Option<&Event>,
) -> Result<bool, SqlError> {
    let saved = transaction(db, order.order_id, || {
        if !update(db, order, guard)? {
            return Ok::<_, SqlError>(false);
        }
        write_timeline(db, order, first_entry)?;
        if order.status == Status::Cancelled && order.cart_version.is_some() {
            carts::release(db, order.order_id)?;
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

fn update(db: &dyn Database, order: &Order, guard: Guard<'_>) -> Result<bool, SqlError> {
    let (payment, shipment) = (order.payment.as_ref(), order.shipment.as_ref());
    let mut values = params![
        order.idempotency_key.as_ref(),
        <&str>::from(order.status),
        <&str>::from(order.direction),
        order.step.as_str(),
        payment.map(|payment| payment.payment_id),
        payment.map(|payment| &payment.status),
        shipment.map(|shipment| shipment.shipment_id),
        shipment.and_then(|shipment| shipment.tracking_number.as_ref()),
        shipment.map(|shipment| &shipment.status),
        order.failure.as_ref().map(to_json).transpose()?,
        order.uncertain_until,
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
    Ok(!db.execute(&statement, &values)?.is_empty())
}

fn write_timeline(db: &dyn Database, order: &Order, first_entry: usize) -> Result<(), SqlError> {
    for (seq, entry) in order.timeline.iter().enumerate().skip(first_entry) {
        db.execute(
            "INSERT INTO order_timeline (order_id, seq, step, status, at, detail) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (order_id, seq) DO UPDATE SET status = excluded.status, at = excluded.at, detail = excluded.detail",
            params![
                order.order_id,
                to_i64(seq),
                entry.step.as_str(),
                <&str>::from(entry.status),
                entry.at,
                entry.detail.as_ref()
            ],
        )?;
    }
    Ok(())
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, SqlError> {
    serde_json::to_string(value).map_err(|e| SqlError::Other(e.to_string()))
}

fn to_i64(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
