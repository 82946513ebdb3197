//! SQL for payments. Every change of a status is a compare-and-set.

use stoa_service::money::Money;
use stoa_service::sql::{Database, Row, Schema, SqlError, Step};
use stoa_service::{id, idempotency_table, params, time};
use uuid::Uuid;

use crate::domain::{Payment, Status};
use crate::error::Error;

/// The tables of this service.
pub const SCHEMA: Schema = Schema {
    service: "payment",
    migrations: &[&[
        Step::Sql(
            "CREATE TABLE payment_payments (payment_id TEXT PRIMARY KEY, order_id TEXT NOT NULL UNIQUE,
             amount BIGINT NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, decline_code TEXT,
             refund_asked BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)",
        ),
        Step::Sql(idempotency_table!("payment")),
    ]],
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT payment_id, order_id, amount, currency, status, decline_code, refund_asked, created_at
             FROM payment_payments ",
            $rest
        )
    };
}

/// Returns the payment of an order. The second value is true if this call created the payment. Error: [`Error::PaymentDiffers`] if
/// the order already has a payment with a different amount.
pub fn find_or_create(
    db: &dyn Database,
    order_id: Uuid,
    amount: Money,
) -> Result<(Payment, bool), Error> {
    let now = time::now();
    let created = db.execute(
        "INSERT INTO payment_payments (payment_id, order_id, amount, currency, status, refund_asked, created_at,
         updated_at) VALUES ($1, $2, $3, $4, 'pending', 0, $5, $5) ON CONFLICT (order_id) DO NOTHING
         RETURNING payment_id",
        params![
            id::new(),
            order_id,
            amount.amount,
            amount.currency.code(),
            now
        ],
    )?;
    let payment = find_by_order(db, order_id)?.ok_or_else(|| {
        SqlError::Other(format!(
            "the payment of order {order_id} is missing after its insert"
        ))
    })?;
    payment.check_repeat(amount)?;
    Ok((payment, !created.is_empty()))
}

/// Stores that a refund was requested, unless the payment's status is final. Returns the stored payment.
pub fn request_refund(db: &dyn Database, payment: &Payment) -> Result<Payment, Error> {
    db.execute(
        "UPDATE payment_payments SET refund_asked = 1, updated_at = $1
         WHERE payment_id = $2 AND refund_asked = 0 AND status IN ('pending', 'captured')",
        params![time::now(), payment.payment_id],
    )?;
    find(db, payment.payment_id)
}

/// Changes a payment's status to `status` if the stored status allows that change. Returns the stored payment.
pub fn record_status(
    db: &dyn Database,
    payment: &Payment,
    status: Status,
    decline_code: Option<&str>,
) -> Result<Payment, Error> {
    let word: &str = status.into();
    for from in status.predecessors() {
        let from: &str = from.into();
        db.execute(
            "UPDATE payment_payments SET status = $1, decline_code = $2, updated_at = $3
             WHERE payment_id = $4 AND status = $5",
            params![word, decline_code, time::now(), payment.payment_id, from],
        )?;
    }
    find(db, payment.payment_id)
}

/// Reads the payment with this id. Error: [`Error::NoPayment`].
pub fn find(db: &dyn Database, payment_id: Uuid) -> Result<Payment, Error> {
    db.execute(select!("WHERE payment_id = $1"), params![payment_id])?
        .one(payment)?
        .ok_or(Error::NoPayment(payment_id))
}

/// Reads the payment of an order; `None` if the order has no payment.
pub fn find_by_order(db: &dyn Database, order_id: Uuid) -> Result<Option<Payment>, SqlError> {
    db.execute(select!("WHERE order_id = $1"), params![order_id])?
        .one(payment)
}

/// Lists the payments whose id is greater than `after`, oldest first, at most `count` payments.
pub fn list(db: &dyn Database, after: &str, count: u32) -> Result<Vec<Payment>, SqlError> {
    db.execute(
        select!("WHERE payment_id > $1 ORDER BY payment_id LIMIT $2"),
        params![after, count],
    )?
    .map(payment)
}

fn payment(row: Row<'_>) -> Result<Payment, SqlError> {
    Ok(Payment {
        payment_id: row.get(0)?,
        order_id: row.get(1)?,
        amount: Money {
            amount: row.get(2)?,
            currency: row.parse(3)?,
        },
        status: row.parse(4)?,
        decline_code: row.get(5)?,
        refund_requested: row.get(6)?,
        created_at: time::rfc3339(row.get(7)?),
    })
}
