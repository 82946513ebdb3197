//! Deliveries and their letters. `delivery.rs` drains them.

use serde::Serialize;
use stoa_service::params;
use stoa_service::queue::Waiting;
use stoa_service::sql::{Database, SqlError};
use uuid::Uuid;

use crate::domain::{Channel, Letter};

/// Counts of waiting deliveries, due or not, and of failed ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deliveries {
    /// Waiting deliveries; `oldest` is the time of a notification.
    #[serde(flatten)]
    pub pending: Waiting,
    /// Deliveries that failed in their last attempt.
    pub failed: u32,
}

/// Counts the deliveries that wait. Changes nothing.
pub fn waiting(db: &dyn Database) -> Result<Deliveries, SqlError> {
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

/// The letter of a delivery; `None` if its notification, its order or its address is missing.
pub fn letter(db: &dyn Database, delivery_id: Uuid) -> Result<Option<Letter>, SqlError> {
    let found = db
        .execute(
            "SELECT d.channel, n.title, n.body, n.sms, o.email, o.name, o.phone FROM notification_deliveries d
             JOIN notification_inbox n ON n.notification_id = d.notification_id
             JOIN notification_orders o ON o.order_id = n.order_id WHERE d.delivery_id = $1",
            params![delivery_id],
        )?
        .one(|row| {
            let channel = row.word(0)?;
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
        Some(Letter {
            delivery_id,
            channel,
            to: to?,
            subject,
            body: body?,
        })
    }))
}
