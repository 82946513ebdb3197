//! Stores which order claims which cart. An order claims the cart from whose items it was made.

use stoa_service::params;
use stoa_service::sql::{Database, SqlError, transaction};
use uuid::Uuid;

use super::rows;
use crate::domain::Order;
use crate::error::Error;

/// Claims the customer's cart at `version` for `order`. The caller must be in a transaction.
pub(super) fn claim(db: &dyn Database, order: &Order, version: i64) -> Result<(), Error> {
    let claimed = db.execute(
        "INSERT INTO order_carts (user_id, order_id, free_from) VALUES ($1, $2, 0)
         ON CONFLICT (user_id) DO UPDATE SET order_id = excluded.order_id
         WHERE order_carts.order_id IS NULL AND order_carts.free_from <= $3 RETURNING order_id",
        params![order.customer.user_id, order.order_id, version],
    )?;
    match claimed.is_empty() {
        true => Err(Error::CartInOrder(None)),
        false => Ok(()),
    }
}

/// The order that claims the user's cart; `None` if no order claims it.
pub fn claimed_by(db: &dyn Database, user_id: Uuid) -> Result<Option<Order>, SqlError> {
    let rows = db.execute(
        "SELECT order_id FROM order_carts WHERE user_id = $1",
        params![user_id],
    )?;
    match rows.one(|row| row.get::<Option<Uuid>>(0))?.flatten() {
        Some(order_id) => rows::find(db, order_id),
        None => Ok(None),
    }
}

/// The ids of confirmed orders whose items must still be removed from a cart, at most `count`.
pub fn orders_to_clear(db: &dyn Database, count: u32) -> Result<Vec<Uuid>, SqlError> {
    db.execute(
        "SELECT o.order_id FROM order_carts c JOIN order_orders o ON o.order_id = c.order_id
         WHERE c.order_id > '' AND o.status = 'confirmed' LIMIT $1",
        params![count],
    )?
    .map(|row| row.get(0))
}

/// Ends a cancelled order's claim on the customer's cart. The caller must be in a transaction.
pub(super) fn release(db: &dyn Database, order_id: Uuid) -> Result<(), SqlError> {
    db.execute(
        "UPDATE order_carts SET order_id = NULL WHERE order_id = $1",
        params![order_id],
    )
    .map(drop)
}

/// Ends an order's claim on the customer's cart after the ordered items were removed. `version` is the cart's version after the
/// removal. Other orders may claim this version and later versions.
pub fn release_cleared(db: &dyn Database, order_id: Uuid, version: i64) -> Result<(), SqlError> {
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
