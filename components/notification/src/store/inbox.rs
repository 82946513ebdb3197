//! Lists the notifications of users.

use serde::Serialize;
use stoa_service::params;
use stoa_service::sql::{Database, Row, SqlError, Value, placeholders};
use stoa_service::time::rfc3339;
use uuid::Uuid;

use crate::domain::Channel;

/// An entry of an inbox, serialized as responses show it.
#[derive(Debug, Clone, Serialize)]
pub struct Notification {
    /// The notification's id.
    pub notification_id: Uuid,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The subject of the event: the id of the order.
    pub subject: Uuid,
    /// The title, on one line.
    pub title: String,
    /// The text.
    pub body: String,
    /// The id of the order.
    pub order_id: Uuid,
    /// The time at which the event was received, RFC 3339.
    pub created_at: String,
    /// The deliveries of the notification.
    pub deliveries: Vec<DeliveryView>,
}

/// A delivery, serialized as responses show it.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryView {
    /// The channel.
    pub channel: Channel,
    /// The delivery's status: `pending`, `delivered` or `failed`.
    pub status: String,
    /// The number of attempts so far.
    pub attempts: u32,
}

/// The SQL statement of [`list`]. It is public because a test checks its query plan.
pub const INBOX_STATEMENT: &str =
    "SELECT notification_id, order_id, type, title, body, created_at FROM notification_inbox
     WHERE user_id = $1 AND notification_id < $2 ORDER BY notification_id DESC LIMIT $3";

/// Lists at most `count` notifications of a user, newest first. If `before` is given, the list begins after that notification.
pub fn list(
    db: &dyn Database,
    user_id: Uuid,
    before: Option<Uuid>,
    count: u32,
) -> Result<Vec<Notification>, SqlError> {
    let before = before.unwrap_or(Uuid::max());
    let mut found = db
        .execute(INBOX_STATEMENT, params![user_id, before, count])?
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
                placeholders(1, ids.len())
            ),
            &ids,
        )?
        .map(|row| {
            let delivery = DeliveryView {
                channel: row.parse(1)?,
                status: row.get(2)?,
                attempts: row.get(3)?,
            };
            Ok((row.get::<Uuid>(0)?, delivery))
        })?;
    for (notification_id, delivery) in deliveries {
        if let Some(n) = found
            .iter_mut()
            .find(|n| n.notification_id == notification_id)
        {
            n.deliveries.push(delivery);
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
