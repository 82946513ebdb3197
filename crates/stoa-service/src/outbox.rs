//! A transactional outbox: an event is written in the transaction that makes the change it tells of, and leaves
//! afterwards, as a CloudEvent 1.0 (structured mode), at least once. Receivers drop repeats by id.
//!
//! Nothing here has a timer: a service flushes after each request that wrote, and an operator's timer flushes the rest.

use std::time::Duration;

use http::Method;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::log;
use crate::outbound::{Call, Outbound};
use crate::params;
use crate::problem::Problem;
use crate::request::Context;
use crate::sql::{Database, Rows, SqlError};
use crate::time::{self, Millis};
use crate::{id, route};

/// The table for `$service`, as the text of one statement. Add [`outbox_index!`](crate::outbox_index) after it.
#[macro_export]
macro_rules! outbox_table {
    ($service:literal) => {
        concat!(
            "CREATE TABLE ",
            $service,
            "_outbox (event_id TEXT PRIMARY KEY, event TEXT NOT NULL, attempts BIGINT NOT NULL, due_at BIGINT NOT NULL,
             created_at BIGINT NOT NULL)"
        )
    };
}

/// The index by which [`flush`] finds what is due.
#[macro_export]
macro_rules! outbox_index {
    ($service:literal) => {
        concat!(
            "CREATE INDEX ",
            $service,
            "_outbox_due ON ",
            $service,
            "_outbox (due_at, event_id)"
        )
    };
}

/// How many events one flush sends at most.
const AT_ONCE: u32 = 50;
/// How long a flush may be at work on an event before another takes it: longer than a call may last.
const LEASE: Duration = Duration::from_secs(30);
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// The first wait after a failure; it doubles up to [`MAX_BACKOFF`].
const BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// An event to tell.
#[derive(Debug, Clone)]
pub struct Event {
    /// Such as `stoa.order.confirmed`.
    pub kind: &'static str,
    /// What it is about: the order's id.
    pub subject: String,
    /// The payload.
    pub data: Value,
}

/// Writes `event` into the outbox of `service`. Call it inside the transaction that makes the change.
pub fn enqueue(db: &dyn Database, service: &str, event: &Event) -> Result<Uuid, SqlError> {
    let event_id = id::new();
    let now = time::now();
    let document = json!({
        "specversion": "1.0",
        "id": event_id,
        "source": format!("/stoa/{service}"),
        "type": event.kind,
        "subject": event.subject,
        "time": time::rfc3339(now),
        "datacontenttype": "application/json",
        "data": event.data,
    });
    db.execute(
        &format!("INSERT INTO {service}_outbox (event_id, event, attempts, due_at, created_at) VALUES ($1, $2, 0, $3, $3)"),
        params![event_id, document.to_string(), now],
    )?;
    Ok(event_id)
}

/// What a flush did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Flushed {
    /// Events that were taken over by the receiver.
    pub sent: u32,
    /// Events that were not, and will be tried again.
    pub failed: u32,
    /// Events that are still in the outbox.
    pub left: u32,
}

/// Sends what is due to `POST {base}/events`, oldest first.
///
/// Two flushes at once do not send the same event: each takes it by moving its due time ahead, compare-and-set.
pub fn flush(
    db: &dyn Database,
    outbound: &dyn Outbound,
    base: &str,
    context: &Context,
) -> Result<Flushed, SqlError> {
    let service = context.service();
    let due = db
        .execute(
            &format!(
                "SELECT event_id, event, attempts, due_at FROM {service}_outbox WHERE due_at <= $1
                 ORDER BY due_at, event_id LIMIT $2"
            ),
            params![time::now(), AT_ONCE],
        )?
        .map(|row| {
            Ok(Due {
                event_id: row.get(0)?,
                event: row.get(1)?,
                attempts: row.get(2)?,
                due_at: row.get(3)?,
            })
        })?;
    let mut flushed = Flushed {
        sent: 0,
        failed: 0,
        left: 0,
    };
    for due in due {
        match due.send(db, outbound, base, context)? {
            Some(true) => flushed.sent += 1,
            Some(false) => flushed.failed += 1,
            None => {}
        }
    }
    flushed.left = db
        .execute(&format!("SELECT COUNT(*) FROM {service}_outbox"), &[])?
        .one(|row| row.get(0))?
        .unwrap_or(0);
    Ok(flushed)
}

/// [`flush`] as the answer of an operator's request.
pub fn flush_answer(
    db: &dyn Database,
    outbound: &dyn Outbound,
    base: &str,
    context: &Context,
) -> Result<route::Response, Problem> {
    route::json(http::StatusCode::OK, &flush(db, outbound, base, context)?)
}

/// What has not left an outbox, or another queue of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// How much of it there is.
    pub waiting: u32,
    /// Since when the oldest of it waits, RFC 3339; null where nothing does.
    pub oldest: Option<String>,
}

impl Waiting {
    /// The answer of a statement that selects a count and the least instant.
    pub fn read(rows: &Rows<'_>) -> Result<Self, SqlError> {
        let waiting = rows.one(|row| {
            Ok(Self {
                waiting: row.get(0)?,
                oldest: row.get::<Option<Millis>>(1)?.map(time::rfc3339),
            })
        })?;
        Ok(waiting.unwrap_or(Self {
            waiting: 0,
            oldest: None,
        }))
    }
}

/// What is in the outbox of `service`, due or not. Changes nothing.
pub fn waiting(db: &dyn Database, service: &str) -> Result<Waiting, SqlError> {
    // What is sent is deleted, so the whole table is what waits.
    let statement = format!("SELECT COUNT(*), MIN(created_at) FROM {service}_outbox");
    Waiting::read(&db.execute(&statement, &[])?)
}

/// [`waiting`] as the answer of an operator's request.
pub fn waiting_answer(db: &dyn Database, service: &str) -> Result<route::Response, Problem> {
    route::json(http::StatusCode::OK, &waiting(db, service)?)
}

struct Due {
    event_id: Uuid,
    event: String,
    attempts: u32,
    due_at: Millis,
}

impl Due {
    /// `None` where another flush has it.
    fn send(
        &self,
        db: &dyn Database,
        outbound: &dyn Outbound,
        base: &str,
        context: &Context,
    ) -> Result<Option<bool>, SqlError> {
        let service = context.service();
        let leased_until = after(LEASE);
        let update = format!(
            "UPDATE {service}_outbox SET due_at = $1, attempts = attempts + 1
             WHERE event_id = $2 AND due_at = $3 RETURNING event_id"
        );
        let taken = db.execute(&update, params![leased_until, self.event_id, self.due_at])?;
        if taken.is_empty() {
            return Ok(None);
        }
        let mut call = Call::new(context, Method::POST, base, "/events")
            .header("content-type", "application/cloudevents+json")
            .timeout(SEND_TIMEOUT);
        call.body = self.event.clone().into_bytes();
        let failure = match outbound.send(call) {
            Ok(reply) if reply.status.is_success() => None,
            Ok(reply) => Some(format!("status {}", reply.status)),
            Err(error) => Some(error.to_string()),
        };
        let Some(failure) = failure else {
            db.execute(
                &format!("DELETE FROM {service}_outbox WHERE event_id = $1"),
                params![self.event_id],
            )?;
            return Ok(Some(true));
        };
        db.execute(
            &format!("UPDATE {service}_outbox SET due_at = $1 WHERE event_id = $2 AND due_at = $3"),
            params![after(backoff(self.attempts)), self.event_id, leased_until],
        )?;
        log::warn(
            context,
            "an event was not taken over; it will be sent again",
            json!({"event_id": self.event_id, "attempts": self.attempts + 1, "error": failure}),
        );
        Ok(Some(false))
    }
}

fn backoff(attempts: u32) -> Duration {
    BACKOFF
        .saturating_mul(1_u32.checked_shl(attempts).unwrap_or(u32::MAX))
        .min(MAX_BACKOFF)
}

fn after(duration: Duration) -> Millis {
    time::now().saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(all(test, feature = "testing"))]
#[expect(
    clippy::unwrap_used,
    reason = "a fixture that fails is to fail the test that uses it"
)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::outbound::CallError;
    use crate::sql::{Schema, Step};
    use crate::testing::{FakeOutbound, TestDatabase, post, reply};

    const SCHEMA: Schema = Schema {
        service: "test",
        migrations: &[&[
            Step::Sql(crate::outbox_table!("test")),
            Step::Sql(crate::outbox_index!("test")),
        ]],
    };

    fn shop(events: u32) -> TestDatabase {
        let database = TestDatabase::new();
        let db = database.connect();
        SCHEMA.ensure(&db).unwrap();
        for n in 0..events {
            let event = Event {
                kind: "stoa.test",
                subject: n.to_string(),
                data: json!({"n": n}),
            };
            enqueue(&db, "test", &event).unwrap();
        }
        database
    }

    fn send(database: &TestDatabase, outbound: &FakeOutbound) -> Flushed {
        let request = post("/", "");
        flush(&database.connect(), outbound, "http://n", request.context()).unwrap()
    }

    #[test]
    fn sends_each_event_once_however_many_flush_at_once() {
        let database = shop(20);
        let outbound = FakeOutbound::new(|_| reply(202, json!({})));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| send(&database, &outbound));
            }
        });
        let mut subjects: Vec<_> = outbound
            .calls()
            .iter()
            .map(|c| serde_json::from_slice::<Value>(&c.body).unwrap()["subject"].to_string())
            .collect();
        subjects.sort();
        subjects.dedup();
        assert_eq!((outbound.calls().len(), subjects.len()), (20, 20));
        assert_eq!(send(&database, &outbound).left, 0);
    }

    #[test]
    fn keeps_what_was_refused_or_lost_and_sends_it_when_it_is_due_again() {
        let database = shop(1);
        let up = Arc::new(AtomicBool::new(false));
        let outbound = FakeOutbound::new({
            let up = up.clone();
            move |_| {
                if up.load(Ordering::SeqCst) {
                    reply(202, json!({}))
                } else {
                    Err(CallError::Lost("gone".into()))
                }
            }
        });
        let nothing = Flushed {
            sent: 0,
            failed: 0,
            left: 1,
        };
        assert_eq!(
            send(&database, &outbound),
            Flushed {
                failed: 1,
                ..nothing
            }
        );
        up.store(true, Ordering::SeqCst);
        assert_eq!(send(&database, &outbound), nothing, "not due yet");
        let db = database.connect();
        db.execute("UPDATE test_outbox SET due_at = 0", &[])
            .unwrap();
        assert_eq!(
            send(&database, &outbound),
            Flushed {
                sent: 1,
                failed: 0,
                left: 0
            }
        );
    }

    #[test]
    fn says_how_much_waits_and_since_when_whether_it_is_due_or_not() {
        let sqlite = shop(0);
        let db = sqlite.connect();
        let nothing = Waiting {
            waiting: 0,
            oldest: None,
        };
        assert_eq!(waiting(&db, "test").unwrap(), nothing);
        for (id, created_at) in [("b", 2_000_i64), ("a", 3_000)] {
            db.execute(
                "INSERT INTO test_outbox (event_id, event, attempts, due_at, created_at) VALUES ($1, '{}', 7, $2, $3)",
                params![id, i64::MAX, created_at],
            )
            .unwrap();
        }
        let both = Waiting {
            waiting: 2,
            oldest: Some("1970-01-01T00:00:02Z".to_owned()),
        };
        assert_eq!(waiting(&db, "test").unwrap(), both);
    }

    #[test]
    fn waits_longer_each_time_but_never_longer_than_a_minute() {
        let seconds: Vec<_> = [0, 1, 2, 5, 6, 40]
            .into_iter()
            .map(|n| backoff(n).as_secs())
            .collect();
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60]);
    }
}
