//! A transactional outbox. A service writes an event in the same transaction as the change that the event reports. Afterwards the
//! event is sent at least once, as a CloudEvent 1.0 (structured mode). Receivers drop repeated events by their id.
//!
//! The outbox has no timer of its own. A service sends the events in its outbox after each request that wrote one. If an event
//! could not be sent, a timer outside the service calls an operation that sends it again.

use std::time::Duration;

use http::Method;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::outbound::{Call, Caller};
use crate::queue::{Attempt, Queue, Settled, Waiting};
use crate::sql::{Database, SqlError};
use crate::{id, params, time};

/// The SQL statement that creates the outbox table of `$service`. [`outbox_index!`](crate::outbox_index) must follow in the
/// migration.
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

/// The SQL statement that creates the index with which [`flush`] finds due events.
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

/// The queue of the events that `service` has not sent yet.
fn queue(service: &str) -> Queue {
    Queue {
        table: format!("{service}_outbox"),
        id: "event_id",
        payload: "event",
        due_at: "due_at",
        waiting: None,
        done: Settled::Deleted,
        // Events are retried without end, because the receiver may be down for days.
        give_up: None,
        lease: Duration::from_secs(30),
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(60),
        batch: 50,
        failure_message: "the receiver did not accept an event; the event will be sent again",
    }
}

/// The timeout for sending one event. It is shorter than the claim on the event, so that no other worker sends the event at the
/// same time.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// The time after which a call of [`flush`] sends no further event. So [`flush`] ends before the request that calls it times out,
/// even if the receiver is slow.
const FLUSH_BUDGET: Duration = Duration::from_secs(15);

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// The event's type, such as `stoa.order.confirmed`.
    pub kind: &'static str,
    /// The event's subject: the id of the order.
    pub subject: String,
    /// The event's payload.
    pub data: Value,
}

/// Writes `event` into the outbox of `service`. Call this function inside the transaction that makes the change that the event
/// reports.
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

/// The result of a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Flushed {
    /// The number of events that the receiver accepted during this flush.
    pub sent: u32,
    /// The number of events that the receiver did not accept during this flush. They will be sent again.
    pub failed: u32,
    /// The number of events that are still in the outbox after this flush.
    pub left: u32,
}

/// Sends the due events to `POST {base}/events`, oldest first. Two concurrent calls of this function never send the same event.
pub fn flush(db: &dyn Database, caller: Caller<'_>, base: &str) -> Result<Flushed, SqlError> {
    let service = caller.context.service();
    let drained = queue(service).drain(db, caller.context, FLUSH_BUDGET, |claim| {
        let mut call = Call::new(caller.context, Method::POST, base, "/events")
            .header("content-type", "application/cloudevents+json")
            .timeout(SEND_TIMEOUT);
        call.body = claim.payload.clone().into_bytes();
        Ok::<_, SqlError>(match caller.outbound.send(call) {
            Ok(reply) if reply.status.is_success() => Attempt::Done,
            Ok(reply) => Attempt::Failed(format!("status {}", reply.status)),
            Err(error) => Attempt::Failed(error.to_string()),
        })
    })?;
    Ok(Flushed {
        sent: drained.done,
        failed: drained.failed,
        left: drained.still_waiting,
    })
}

/// Counts the events in the outbox of `service`, due or not, and finds the oldest of them. Changes nothing.
pub fn waiting(db: &dyn Database, service: &str) -> Result<Waiting, SqlError> {
    // Sent events are deleted, so every row is a waiting event.
    let statement = format!("SELECT COUNT(*), MIN(created_at) FROM {service}_outbox");
    Waiting::read(&db.execute(&statement, &[])?)
}

#[cfg(all(test, feature = "testing"))]
#[expect(
    clippy::unwrap_used,
    reason = "a fixture that fails must fail the test that uses it"
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

    fn with_events(events: u32) -> TestDatabase {
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
        let caller = Caller {
            outbound,
            context: request.context(),
        };
        flush(&database.connect(), caller, "http://n").unwrap()
    }

    #[test]
    fn concurrent_flushes_send_each_event_once() {
        let database = with_events(20);
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
    fn an_event_that_was_not_accepted_is_sent_again_when_it_is_due() {
        let database = with_events(1);
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
        assert_eq!(
            send(&database, &outbound),
            nothing,
            "the event is not due yet"
        );
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
    fn waiting_counts_all_events_and_reports_the_time_of_the_oldest() {
        let sqlite = with_events(0);
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
}
