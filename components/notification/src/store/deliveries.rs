//! Reads deliveries and their messages. The file `delivery.rs` sends the messages.

use serde::Serialize;
use stoa_service::params;
use stoa_service::queue::Waiting;
use stoa_service::sql::{Database, SqlError};
use uuid::Uuid;

use crate::domain::{Channel, OutgoingMessage};

/// The numbers of waiting and of failed deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deliveries {
    /// The number of waiting deliveries, due or not. Its field `oldest` is the time of the oldest notification that still has a
    /// waiting delivery.
    #[serde(flatten)]
    pub pending: Waiting,
    /// The number of deliveries that were given up, because all permitted attempts failed.
    pub failed: u32,
}

/// Counts the waiting and the failed deliveries. Changes nothing.
pub fn count(db: &dyn Database) -> Result<Deliveries, SqlError> {
    let pending = db.execute(
        "SELECT COUNT(*), MIN(n.created_at) FROM notification_deliveries d
         JOIN notification_inbox n ON n.notification_id = d.notification_id WHERE d.status = 'pending'",
        &[],
    )?;
    let failed = db.execute(
        "SELECT COUNT(*) FROM notification_deliveries WHERE status = 'failed'",
        &[],
    )?;
    Ok(Deliveries {
        pending: Waiting::read(&pending)?,
        failed: failed.one(|row| row.get(0))?.unwrap_or(0),
    })
}

/// The message of a delivery. `None` if the delivery has no notification, no order, or no address of the recipient.
pub fn outgoing_message(
    db: &dyn Database,
    delivery_id: Uuid,
) -> Result<Option<OutgoingMessage>, SqlError> {
    let found = db
        .execute(
            "SELECT d.channel, n.title, n.body, n.sms, o.email, o.name, o.phone FROM notification_deliveries d
             JOIN notification_inbox n ON n.notification_id = d.notification_id
             JOIN notification_orders o ON o.order_id = n.order_id WHERE d.delivery_id = $1",
            params![delivery_id],
        )?
        .one(|row| {
            let channel = row.parse(0)?;
            let (to, body) = match channel {
                Channel::Email => {
                    let (body, name): (String, String) = (row.get(2)?, row.get(5)?);
                    (Some(row.get(4)?), Some(format!("Hello {name},\n\n{body}")))
                }
                Channel::Sms => (row.get(6)?, row.get(3)?),
            };
            Ok((channel, to, row.get(1)?, body))
        })?;
    Ok(found.and_then(|(channel, to, subject, body)| {
        Some(OutgoingMessage {
            delivery_id,
            channel,
            to: to?,
            subject,
            body: body?,
        })
    }))
}
