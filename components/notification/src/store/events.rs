//! Stores accepted events, with their notifications and deliveries.

use stoa_service::sql::{Database, SqlError, transaction};
use stoa_service::time::Millis;
use stoa_service::{id, params};
use uuid::Uuid;

use crate::domain::{Channel, CloudEvent, Customer, Notice};
use crate::error::Error;

/// Stores an event with its notification and its deliveries. If the event is a repeat, changes nothing and returns false. `notice`
/// is the message for an event of a known type.
pub fn accept(
    db: &dyn Database,
    event: &CloudEvent,
    notice: Option<&Notice>,
    now: Millis,
) -> Result<bool, Error> {
    // Transactions for events of the same order run one after the other. Otherwise the event of a shipment and the event of its
    // order could be stored at the same time, and neither transaction would assign the customer to the shipment's notification.
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
                store_customer(db, notice.order_id, customer)?;
            }
            assign_to_customer(db, notice.order_id, now)?;
        }
        Ok(true)
    })
}

/// Stores that `customer` is the order's customer. It is an error if the order already has another customer, because messages for
/// one user must not reach another user.
fn store_customer(db: &dyn Database, order_id: Uuid, customer: &Customer) -> Result<(), Error> {
    let stored = db.execute(
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
    if stored.is_empty() {
        return Err(Error::OtherCustomer(order_id));
    }
    Ok(())
}

/// If the order's customer is known, assigns to this customer the order's notifications that have no customer yet, and creates
/// their deliveries.
fn assign_to_customer(db: &dyn Database, order_id: Uuid, now: Millis) -> Result<(), SqlError> {
    let customer = db
        .execute(
            "SELECT user_id, phone FROM notification_orders WHERE order_id = $1",
            params![order_id],
        )?
        .one(|row| Ok((row.get::<Uuid>(0)?, row.get::<Option<String>>(1)?)))?;
    let Some((user_id, phone)) = customer else {
        return Ok(());
    };
    let assigned = db
        .execute(
            "UPDATE notification_inbox SET user_id = $1 WHERE order_id = $2 AND user_id IS NULL
             RETURNING notification_id, sms",
            params![user_id, order_id],
        )?
        .map(|row| Ok((row.get::<Uuid>(0)?, row.get::<Option<String>>(1)?)))?;
    for (notification_id, sms) in assigned {
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
