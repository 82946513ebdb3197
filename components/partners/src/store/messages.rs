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

/// A message to keep.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// The recipient.
    pub to: &'a str,
    /// The subject of an e-mail.
    pub subject: Option<&'a str>,
    /// The text.
    pub body: &'a str,
}

/// Stores a message once per key, and returns its id. Without a key (the SMS gateway allows that) each request is a new message.
pub fn keep(
    db: &dyn Database,
    channel: Partner,
    key: Option<&Key<'_>>,
    new: NewMessage<'_>,
) -> Result<Uuid, Error> {
    let channel = channel.word();
    transaction(db, channel, || {
        if let Some(key) = key {
            keys::keep(db, key)?;
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
        let kept = db
            .execute(
                "SELECT message_id FROM partners_messages WHERE channel = $1 AND key = $2",
                params![channel, key.key],
            )?
            .one(|row| row.get(0))?;
        Ok(kept.ok_or_else(|| SqlError::Other("the message is gone".to_owned()))?)
    })
}

/// The messages after `after` by id, oldest first, at most `count`; for one recipient or for all.
pub fn list(
    db: &dyn Database,
    channel: Partner,
    to: Option<&str>,
    after: &str,
    count: u32,
) -> Result<Vec<Message>, SqlError> {
    let channel = channel.word();
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
