//! Accepted events and their results: notifications and deliveries.

use stoa_service::sql::{Database, SqlError, transaction};
use stoa_service::time::Millis;
use stoa_service::{id, params};
use uuid::Uuid;

use crate::domain::{Channel, CloudEvent, Customer, Notice};
use crate::error::Error;

/// Accepts an event once: `false` for a repeat. `notice` is the meaning of a known event.
pub fn accept(
    db: &dyn Database,
    event: &CloudEvent,
    notice: Option<&Notice>,
    now: Millis,
) -> Result<bool, Error> {
    // Events of one order wait for each other: the later must see the earlier, or the order's notices reach nobody.
    let subject = notice.map_or_else(|| event.id.clone(), |notice| notice.order_id.to_string());
    transaction(db, subject, || {
        let new = db.execute(
            "INSERT INTO notification_events (source, id, type, subject, data, received_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (source, id) DO NOTHING RETURNING id",
            params![
                &event.source,
                &event.id,
                &event.kind,
                event.subject.as_deref(),
                event.data.to_string(),
                now
            ],
        )?;
        if new.is_empty() {
            return Ok(false);
        }
        if let Some(notice) = notice {
            db.execute(
                "INSERT INTO notification_inbox (notification_id, order_id, type, title, body, sms, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                params![
                    id::new(),
                    notice.order_id,
                    &event.kind,
                    &notice.message.title,
                    &notice.message.body,
                    notice.message.sms.as_deref(),
                    now
                ],
            )?;
            if let Some(customer) = &notice.customer {
                keep_customer(db, notice.order_id, customer)?;
            }
            address(db, notice.order_id, now)?;
        }
        Ok(true)
    })
}

/// Stores the order's customer. An order never changes hands: messages to one user must not reach another.
fn keep_customer(db: &dyn Database, order_id: Uuid, customer: &Customer) -> Result<(), Error> {
    let kept = db.execute(
        "INSERT INTO notification_orders (order_id, user_id, email, name, phone) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (order_id) DO UPDATE SET email = excluded.email, name = excluded.name, phone = excluded.phone
         WHERE notification_orders.user_id = excluded.user_id RETURNING order_id",
        params![
            order_id,
            customer.user_id,
            &customer.email,
            &customer.name,
            customer.phone.as_deref()
        ],
    )?;
    if kept.is_empty() {
        return Err(Error::OtherCustomer(order_id));
    }
    Ok(())
}

/// Assigns the order's notifications without a customer to the order's customer, if it is known, and creates their
/// deliveries.
fn address(db: &dyn Database, order_id: Uuid, now: Millis) -> Result<(), SqlError> {
    let customer = db
        .execute(
            "SELECT user_id, phone FROM notification_orders WHERE order_id = $1",
            params![order_id],
        )?
        .one(|row| Ok((row.get::<Uuid>(0)?, row.get::<Option<String>>(1)?)))?;
    let Some((user_id, phone)) = customer else {
        return Ok(());
    };
    let addressed = db
        .execute(
            "UPDATE notification_inbox SET user_id = $1 WHERE order_id = $2 AND user_id IS NULL
             RETURNING notification_id, sms",
            params![user_id, order_id],
        )?
        .map(|row| Ok((row.get::<Uuid>(0)?, row.get::<Option<String>>(1)?)))?;
    for (notification_id, sms) in addressed {
        let by_sms = sms.is_some() && phone.is_some();
        for channel in [Some(Channel::Email), by_sms.then_some(Channel::Sms)] {
            let Some(channel) = channel else { continue };
            db.execute(
                "INSERT INTO notification_deliveries (delivery_id, notification_id, channel, status, attempts,
                 next_attempt_at) VALUES ($1, $2, $3, 'pending', 0, $4)",
                params![id::new(), notification_id, <&str>::from(channel), now],
            )?;
        }
    }
    Ok(())
}
