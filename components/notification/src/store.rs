//! Events, orders, notifications and deliveries in SQL.

use serde::Serialize;
use stoa_service::problem::Problem;
use stoa_service::sql::{Database, Row, Schema, SqlError, Step, Value, transaction};
use stoa_service::time::{Millis, rfc3339};
use stoa_service::{id, jwks_table, params};
use uuid::Uuid;

use crate::cloudevent::CloudEvent;
use crate::domain::{Channel, Customer, News};

/// The tables of this service.
///
/// A notification whose customer is not known yet has no `user_id` and no deliveries: both come with the order's event.
pub const SCHEMA: Schema = Schema {
    service: "notification",
    migrations: &[&[
        Step::Sql(
            "CREATE TABLE notification_events (source TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, subject TEXT,
             data TEXT NOT NULL, received_at BIGINT NOT NULL, PRIMARY KEY (source, id))",
        ),
        Step::Sql(
            "CREATE TABLE notification_orders (order_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, email TEXT NOT NULL,
             name TEXT NOT NULL, phone TEXT)",
        ),
        Step::Sql(
            "CREATE TABLE notification_inbox (notification_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, user_id TEXT,
             type TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, sms TEXT, created_at BIGINT NOT NULL)",
        ),
        Step::Sql(
            "CREATE INDEX notification_inbox_user ON notification_inbox (user_id, notification_id)",
        ),
        Step::Sql("CREATE INDEX notification_inbox_order ON notification_inbox (order_id)"),
        Step::Sql(
            "CREATE TABLE notification_deliveries (delivery_id TEXT PRIMARY KEY, notification_id TEXT NOT NULL,
             channel TEXT NOT NULL, status TEXT NOT NULL, attempts BIGINT NOT NULL, next_attempt_at BIGINT NOT NULL,
             UNIQUE (notification_id, channel))",
        ),
        Step::Sql(
            "CREATE INDEX notification_deliveries_due ON notification_deliveries (status, next_attempt_at)",
        ),
        Step::Sql(jwks_table!("notification")),
    ]],
};

/// Takes an event over, once: `false` where it is a repeat. `news` is what a known event says.
pub fn accept(
    db: &dyn Database,
    event: &CloudEvent,
    news: Option<&News>,
    now: Millis,
) -> Result<bool, Problem> {
    // Events of one order wait for each other: whichever comes first must be seen by the other, or nobody gets the order's news.
    let subject = news.map_or_else(|| event.id.clone(), |news| news.order_id.to_string());
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
        if let Some(news) = news {
            db.execute(
                "INSERT INTO notification_inbox (notification_id, order_id, type, title, body, sms, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                params![
                    id::new(),
                    news.order_id,
                    &event.kind,
                    &news.message.title,
                    &news.message.body,
                    news.message.sms.as_deref(),
                    now
                ],
            )?;
            if let Some(customer) = &news.customer {
                learn(db, news.order_id, customer)?;
            }
            address(db, news.order_id, now)?;
        }
        Ok(true)
    })
}

/// Keeps whose order it is. An order never changes hands: what was told to one user must not reach another.
fn learn(db: &dyn Database, order_id: Uuid, customer: &Customer) -> Result<(), Problem> {
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
        return Err(Problem::invalid(format!(
            "data.user_id: order {order_id} is another user's"
        )));
    }
    Ok(())
}

/// Gives the order's notifications that have no customer yet to the customer, if there is one, and makes their
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
                params![id::new(), notification_id, channel.word(), now],
            )?;
        }
    }
    Ok(())
}

/// An entry of an inbox.
#[derive(Debug, Clone, Serialize)]
pub struct Notification {
    /// Its identity.
    pub notification_id: Uuid,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the event is about: the order.
    pub subject: Uuid,
    /// One line.
    pub title: String,
    /// The text.
    pub body: String,
    /// The order.
    pub order_id: Uuid,
    /// RFC 3339.
    pub created_at: String,
    /// How it went out.
    pub deliveries: Vec<Sent>,
}

/// A delivery as the customer sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    /// How.
    pub channel: Channel,
    /// `pending`, `delivered` or `failed`.
    pub status: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// The statement of [`inbox`], for its plan to be looked at.
pub const INBOX: &str =
    "SELECT notification_id, order_id, type, title, body, created_at FROM notification_inbox
     WHERE user_id = $1 AND notification_id < $2 ORDER BY notification_id DESC LIMIT $3";

/// The user's notifications before `before` (all, where it is absent), newest first, at most `count`.
pub fn inbox(
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
    let marks: Vec<_> = (1..=ids.len()).map(|n| format!("${n}")).collect();
    let deliveries = db
        .execute(
            &format!(
                "SELECT notification_id, channel, status, attempts FROM notification_deliveries
                 WHERE notification_id IN ({}) ORDER BY channel",
                marks.join(", ")
            ),
            &ids,
        )?
        .map(|row| {
            let sent = Sent {
                channel: channel(&row, 1)?,
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

/// Reads a column that holds [`Channel::word`].
pub(crate) fn channel(row: &Row<'_>, column: usize) -> Result<Channel, SqlError> {
    let word: String = row.get(column)?;
    Channel::from_word(&word)
        .ok_or_else(|| SqlError::Other(format!("notification_deliveries.channel holds `{word}`")))
}
