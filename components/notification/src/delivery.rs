//! Sends what is due. Several may be at it at once (a live request, a timer): a delivery is claimed by moving its next
//! attempt ahead, compare-and-set, before it is sent. Whoever dies in between leaves a claim that runs out.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use stoa_service::outbound::Outbound;
use stoa_service::queue::Waiting;
use stoa_service::sql::{Database, SqlError};
use stoa_service::time::{self, Millis};
use stoa_service::{Context, log, params};
use uuid::Uuid;

use crate::config::Config;
use crate::domain::Channel;
use crate::ports::{self, Letter};
use crate::store::channel;

/// How often a delivery is tried; after that it has failed.
pub const MAX_ATTEMPTS: u32 = 12;
/// The wait after the first failure; it doubles with each.
pub const BASE_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait.
pub const MAX_BACKOFF: Duration = Duration::from_secs(300);
/// How long a claim holds: longer than a provider may take ([`ports::TIMEOUT`]).
pub const LEASE: Duration = Duration::from_secs(30);
/// How many deliveries one pass takes on.
pub const AT_ONCE: u32 = 50;
/// How long one pass begins new deliveries, so that it ends within a request's time even if every provider is slow.
pub const PASS: Duration = Duration::from_secs(15);

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Taken by the provider.
    pub delivered: u32,
    /// Not taken; to be tried again, unless it was the last attempt.
    pub failed: u32,
    /// Still to be delivered, whenever it is due.
    pub left: u32,
}

/// The statement that finds what is due, for its plan to be looked at.
pub const DUE: &str = "SELECT delivery_id, attempts, next_attempt_at FROM notification_deliveries
     WHERE status = 'pending' AND next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2";

/// Sends what is due, oldest first.
pub fn deliver(
    db: &dyn Database,
    outbound: &dyn Outbound,
    config: &Config,
    context: &Context,
) -> Result<Delivered, SqlError> {
    let begun = Instant::now();
    let due = db.execute(DUE, params![time::now(), AT_ONCE])?.map(|row| {
        Ok(Due {
            delivery_id: row.get(0)?,
            attempts: row.get(1)?,
            next_attempt_at: row.get(2)?,
        })
    })?;
    let mut done = Delivered::default();
    for due in due {
        if begun.elapsed() > PASS {
            break;
        }
        match due.send(db, outbound, config, context)? {
            Some(true) => done.delivered += 1,
            Some(false) => done.failed += 1,
            None => {}
        }
    }
    done.left = db
        .execute(
            "SELECT COUNT(*) FROM notification_deliveries WHERE status = 'pending'",
            &[],
        )?
        .one(|row| row.get(0))?
        .unwrap_or(0);
    Ok(done)
}

/// What is still to be delivered, due or not, and what never will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deliveries {
    /// Still to be delivered. Since when is when their notifications were made.
    #[serde(flatten)]
    pub pending: Waiting,
    /// Given up after [`MAX_ATTEMPTS`].
    pub failed: u32,
}

/// What waits for its provider. Changes nothing.
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

struct Due {
    delivery_id: Uuid,
    attempts: u32,
    next_attempt_at: Millis,
}

impl Due {
    /// `None` where another has claimed it.
    fn send(
        &self,
        db: &dyn Database,
        outbound: &dyn Outbound,
        config: &Config,
        context: &Context,
    ) -> Result<Option<bool>, SqlError> {
        // The last attempt's sender died: nobody will settle it any more.
        if self.attempts >= MAX_ATTEMPTS {
            return self.give_up(db, context, "its last attempt never ended");
        }
        let attempt = self.attempts + 1;
        let leased_until = after(LEASE);
        let claimed = db.execute(
            "UPDATE notification_deliveries SET attempts = $1, next_attempt_at = $2
             WHERE delivery_id = $3 AND status = 'pending' AND attempts = $4 AND next_attempt_at = $5
             RETURNING delivery_id",
            params![
                attempt,
                leased_until,
                self.delivery_id,
                self.attempts,
                self.next_attempt_at
            ],
        )?;
        if claimed.is_empty() {
            return Ok(None);
        }
        let error = match letter(db, self.delivery_id)? {
            Some(letter) => ports::send(outbound, config, context, &letter).err(),
            None => Some("it has no notification or no order".to_owned()),
        };
        // Settled only by the holder of this attempt's claim: one who outlived it finds another number.
        let (status, next) = match &error {
            None => ("delivered", leased_until),
            Some(_) if attempt >= MAX_ATTEMPTS => ("failed", leased_until),
            Some(_) => ("pending", after(backoff(attempt, random()))),
        };
        db.execute(
            "UPDATE notification_deliveries SET status = $1, next_attempt_at = $2
             WHERE delivery_id = $3 AND attempts = $4 AND status = 'pending'",
            params![status, next, self.delivery_id, attempt],
        )?;
        if let Some(error) = &error {
            let fields = json!({"delivery_id": self.delivery_id, "attempts": attempt, "status": status, "error": error});
            log::warn(context, "a notification was not delivered", fields);
        }
        Ok(Some(error.is_none()))
    }

    fn give_up(
        &self,
        db: &dyn Database,
        context: &Context,
        error: &str,
    ) -> Result<Option<bool>, SqlError> {
        let given_up = db.execute(
            "UPDATE notification_deliveries SET status = 'failed'
             WHERE delivery_id = $1 AND status = 'pending' AND attempts = $2 AND next_attempt_at = $3
             RETURNING delivery_id",
            params![self.delivery_id, self.attempts, self.next_attempt_at],
        )?;
        if given_up.is_empty() {
            return Ok(None);
        }
        let fields = json!({"delivery_id": self.delivery_id, "attempts": self.attempts, "status": "failed", "error": error});
        log::warn(context, "a notification was not delivered", fields);
        Ok(Some(false))
    }
}

fn letter(db: &dyn Database, delivery_id: Uuid) -> Result<Option<Letter>, SqlError> {
    let found = db
        .execute(
            "SELECT d.channel, n.title, n.body, n.sms, o.email, o.name, o.phone FROM notification_deliveries d
             JOIN notification_inbox n ON n.notification_id = d.notification_id
             JOIN notification_orders o ON o.order_id = n.order_id WHERE d.delivery_id = $1",
            params![delivery_id],
        )?
        .one(|row| {
            let channel = channel(&row, 0)?;
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

/// The wait after `attempt` (1 is the first) has failed: half of it certain, half by chance (`random`), so that what
/// failed together does not come back together.
pub fn backoff(attempt: u32, random: u32) -> Duration {
    let doubled = 1_u32
        .checked_shl(attempt.saturating_sub(1))
        .unwrap_or(u32::MAX);
    let half = BASE_BACKOFF.saturating_mul(doubled).min(MAX_BACKOFF) / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// A host without randomness gets waits without chance, which are still right.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}

fn after(duration: Duration) -> Millis {
    time::now().saturating_add(Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_by_chance_within_bounds_and_never_longer_than_five_minutes() {
        let bounds = |attempt| {
            let ms = |random| backoff(attempt, random).as_millis();
            (ms(0), ms(u32::MAX))
        };
        assert_eq!(bounds(1), (500, 1000));
        assert_eq!(bounds(2), (1000, 2000));
        assert_eq!(bounds(5), (8000, 16_000));
        assert_eq!(bounds(10), (150_000, 300_000));
        assert_eq!(bounds(u32::MAX), (150_000, 300_000));
        assert!(ports::TIMEOUT < LEASE);
    }
}
