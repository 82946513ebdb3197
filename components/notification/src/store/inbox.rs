//! The notifications of users.

use serde::Serialize;
use stoa_service::params;
use stoa_service::sql::{Database, Row, SqlError, Value, places};
use stoa_service::time::rfc3339;
use uuid::Uuid;

use crate::domain::Channel;

/// An entry of an inbox.
#[derive(Debug, Clone, Serialize)]
pub struct Notification {
    /// Its identity.
    pub notification_id: Uuid,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The subject of the event: the order.
    pub subject: Uuid,
    /// One line.
    pub title: String,
    /// The text.
    pub body: String,
    /// The order.
    pub order_id: Uuid,
    /// RFC 3339.
    pub created_at: String,
    /// Its deliveries.
    pub deliveries: Vec<Sent>,
}

/// A delivery as the customer sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    /// The channel.
    pub channel: Channel,
    /// `pending`, `delivered` or `failed`.
    pub status: String,
    /// The number of attempts.
    pub attempts: u32,
}

/// The statement of [`list`]; a test checks its plan.
pub const INBOX: &str =
    "SELECT notification_id, order_id, type, title, body, created_at FROM notification_inbox
     WHERE user_id = $1 AND notification_id < $2 ORDER BY notification_id DESC LIMIT $3";

/// The user's notifications before `before` (all, if it is absent), newest first, at most `count`.
pub fn list(
    db: &dyn Database,
    user_id: Uuid,
    before: Option<Uuid>,
    count: u32,
) -> Result<Vec<Notification>, SqlError> {
    let before = before.unwrap_or(Uuid::max());
    let mut found = db
        .execute(INBOX, params![user_id, before, count])?
        .map(notification)?;
    let ids: Vec<Value> = found.iter().map(|n| n.notification_id.into()).collect();
    if ids.is_empty() {
        return Ok(found);
    }
    let deliveries = db
        .execute(
            &format!(
                "SELECT notification_id, channel, status, attempts FROM notification_deliveries
                 WHERE notification_id IN ({}) ORDER BY channel",
                places(1, ids.len())
            ),
            &ids,
        )?
        .map(|row| {
            let sent = Sent {
                channel: row.word(1)?,
                status: row.get(2)?,
                attempts: row.get(3)?,
            };
            Ok((row.get::<Uuid>(0)?, sent))
        })?;
    for (notification_id, sent) in deliveries {
        if let Some(n) = found
            .iter_mut()
            .find(|n| n.notification_id == notification_id)
        {
            n.deliveries.push(sent);
        }
    }
    Ok(found)
}

fn notification(row: Row<'_>) -> Result<Notification, SqlError> {
    let order_id = row.get(1)?;
    Ok(Notification {
        notification_id: row.get(0)?,
        kind: row.get(2)?,
        subject: order_id,
        title: row.get(3)?,
        body: row.get(4)?,
        order_id,
        created_at: rfc3339(row.get(5)?),
        deliveries: Vec::new(),
    })
}
