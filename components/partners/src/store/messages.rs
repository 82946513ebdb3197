//! The messages that the courier and the SMS gateway accepted.

use stoa_service::idempotency::Key;
use stoa_service::sql::{Database, SqlError, transaction};
use stoa_service::time::{self, rfc3339};
use stoa_service::{id, params};
use uuid::Uuid;

use super::keys;
use crate::domain::messages::Message;
use crate::domain::script::Partner;
use crate::error::Error;

/// A message that is to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// The recipient.
    pub to: &'a str,
    /// The subject of an e-mail; an SMS has none.
    pub subject: Option<&'a str>,
    /// The text.
    pub body: &'a str,
}

/// Stores a message and returns its id. A repeat with the same idempotency key returns the id of the first message. Only the SMS
/// gateway accepts requests without a key; each such request makes a new message.
pub fn store(
    db: &dyn Database,
    channel: Partner,
    key: Option<&Key<'_>>,
    new: NewMessage<'_>,
) -> Result<Uuid, Error> {
    let channel = channel.as_str();
    transaction(db, channel, || {
        if let Some(key) = key {
            keys::store(db, key)?;
        }
        let message_id = id::new();
        db.execute(
            "INSERT INTO partners_messages (message_id, channel, key, recipient, subject, body, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (channel, key) DO NOTHING",
            params![
                message_id,
                channel,
                key.map(|k| k.key),
                new.to,
                new.subject,
                new.body,
                time::now()
            ],
        )?;
        let Some(key) = key else {
            return Ok(message_id);
        };
        let stored_id = db
            .execute(
                "SELECT message_id FROM partners_messages WHERE channel = $1 AND key = $2",
                params![channel, key.key],
            )?
            .one(|row| row.get(0))?;
        Ok(stored_id.ok_or_else(|| SqlError::Other("the stored message is missing".to_owned()))?)
    })
}

/// Lists at most `count` messages, oldest first, beginning after the message whose id is `after`. With `to`, lists only the
/// messages to that recipient.
pub fn list(
    db: &dyn Database,
    channel: Partner,
    to: Option<&str>,
    after: &str,
    count: u32,
) -> Result<Vec<Message>, SqlError> {
    let channel = channel.as_str();
    let rows = match to {
        Some(to) => db.execute(
            "SELECT message_id, recipient, subject, body, at FROM partners_messages
             WHERE channel = $1 AND recipient = $2 AND message_id > $3 ORDER BY message_id LIMIT $4",
            params![channel, to, after, count],
        )?,
        None => db.execute(
            "SELECT message_id, recipient, subject, body, at FROM partners_messages
             WHERE channel = $1 AND message_id > $2 ORDER BY message_id LIMIT $3",
            params![channel, after, count],
        )?,
    };
    rows.map(|row| {
        Ok(Message {
            message_id: row.get(0)?,
            to: row.get(1)?,
            subject: row.get(2)?,
            body: row.get(3)?,
            at: rfc3339(row.get(4)?),
        })
    })
}
