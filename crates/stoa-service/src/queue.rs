//! A queue in a table of a service, with leases and retries: events to send, messages to deliver, calls to repeat.
//!
//! Several workers may drain it at once (a live request, an operator's timer). A worker claims an entry before it works on it, by
//! moving its due time ahead with compare-and-set. If the worker dies in between, its claim expires.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::context::Context;
use crate::sql::{Database, Rows, SqlError};
use crate::time::{self, Millis};
use crate::{log, params};

/// A queue: the columns of its table, and its retry policy.
///
/// The table has a column `attempts`, which counts the claims of an entry; the columns for its id and its due time are named here.
#[derive(Debug, Clone)]
pub struct Queue {
    /// The table.
    pub table: String,
    /// The column of an entry's id.
    pub id: &'static str,
    /// The column whose text each claim carries; the id's column where the id is enough.
    pub payload: &'static str,
    /// The column of the instant at which an entry becomes due.
    pub due_at: &'static str,
    /// The condition that selects waiting entries, such as `status = 'pending'`; `None` where settled entries are deleted.
    pub waiting: Option<&'static str>,
    /// What happens to an entry that is done.
    pub done: Settled,
    /// The most attempts, and what happens to an entry after them; `None` retries without end.
    pub give_up: Option<(u32, Settled)>,
    /// The lifetime of a claim: longer than an attempt can take.
    pub lease: Duration,
    /// The wait after the first failed attempt; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// The most entries of one pass.
    pub batch: u32,
    /// The log message for a failed attempt.
    pub failure_message: &'static str,
}

/// What happens to an entry that no longer waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Its row is deleted.
    Deleted,
    /// Its row stays, with this assignment: `status = 'delivered'`.
    Marked(&'static str),
}

/// An entry that this worker has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The entry's id.
    pub id: Uuid,
    /// The number of this attempt; 1 is the first.
    pub attempt: u32,
    /// The text of the queue's payload column.
    pub payload: String,
    leased_until: Millis,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The entry is done.
    Done,
    /// The attempt failed and is to be repeated; the text is for the log.
    Failed(String),
}

/// The result of a pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Entries that are done.
    pub done: u32,
    /// Entries whose attempt failed. Each is retried, unless it was given up.
    pub failed: u32,
    /// Entries that still wait, due or not.
    pub left: u32,
}

/// The entries that wait in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The number of entries.
    pub waiting: u32,
    /// When the oldest waiting entry was added, RFC 3339; null where there is none.
    pub oldest: Option<String>,
}

impl Waiting {
    /// Reads the row of a statement that selects a count and the earliest instant.
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

struct Due {
    id: Uuid,
    attempts: u32,
    due_at: Millis,
}

impl Queue {
    /// The statement that finds due entries; its parameters are the current time and a count.
    pub fn due_statement(&self) -> String {
        let (table, id, due_at) = (&self.table, self.id, self.due_at);
        let waiting = self.and_waiting();
        format!(
            "SELECT {id}, attempts, {due_at} FROM {table} WHERE {due_at} <= $1{waiting} ORDER BY {due_at} LIMIT $2"
        )
    }

    /// Claims the due entries, oldest first, and makes one attempt at each. `pass` bounds how long it starts new attempts.
    ///
    /// If `attempt` itself returns an error, its entry is retried later, and the pass ends with that error.
    pub fn drain<E: From<SqlError>>(
        &self,
        db: &dyn Database,
        context: &Context,
        pass: Duration,
        mut attempt: impl FnMut(&Claim) -> Result<Attempt, E>,
    ) -> Result<Drained, E> {
        let begun = Instant::now();
        let statement = self.due_statement();
        let rows = db.execute(&statement, params![time::now(), self.batch])?;
        let due = rows.map(|row| {
            Ok(Due {
                id: row.get(0)?,
                attempts: row.get(1)?,
                due_at: row.get(2)?,
            })
        })?;
        let mut drained = Drained::default();
        for due in due {
            if begun.elapsed() > pass {
                break;
            }
            // The worker of the last attempt died before it could settle the entry.
            if let Some((most, settled)) = self.give_up
                && due.attempts >= most
            {
                if self.settle(db, due.id, due.due_at, settled)? {
                    let cause = "its last attempt did not end";
                    self.log_failure(context, due.id, due.attempts, "failed", cause);
                    drained.failed += 1;
                }
                continue;
            }
            let Some(claim) = self.claim(db, &due)? else {
                continue;
            };
            let outcome = match attempt(&claim) {
                Ok(outcome) => outcome,
                Err(error) => {
                    self.retry(db, &claim)?;
                    return Err(error);
                }
            };
            match outcome {
                Attempt::Done => {
                    self.settle(db, claim.id, claim.leased_until, self.done)?;
                    drained.done += 1;
                }
                Attempt::Failed(cause) => {
                    self.failed(db, context, &claim, &cause)?;
                    drained.failed += 1;
                }
            }
        }
        drained.left = self.count(db)?;
        Ok(drained)
    }

    /// `None` where another worker has claimed the entry.
    fn claim(&self, db: &dyn Database, due: &Due) -> Result<Option<Claim>, SqlError> {
        let (table, id, due_at) = (&self.table, self.id, self.due_at);
        let leased_until = after(self.lease);
        let statement = format!(
            "UPDATE {table} SET {due_at} = $1, attempts = attempts + 1 WHERE {id} = $2 AND {due_at} = $3{} RETURNING {}",
            self.and_waiting(),
            self.payload,
        );
        let claimed = db.execute(&statement, params![leased_until, due.id, due.due_at])?;
        claimed.one(|row| {
            Ok(Claim {
                id: due.id,
                attempt: due.attempts.saturating_add(1),
                payload: row.get(0)?,
                leased_until,
            })
        })
    }

    fn failed(
        &self,
        db: &dyn Database,
        context: &Context,
        claim: &Claim,
        cause: &str,
    ) -> Result<(), SqlError> {
        let given_up = self.give_up.filter(|(most, _)| claim.attempt >= *most);
        match given_up {
            Some((_, settled)) => {
                self.settle(db, claim.id, claim.leased_until, settled)?;
            }
            None => self.retry(db, claim)?,
        }
        let status = given_up.map_or("pending", |_| "failed");
        self.log_failure(context, claim.id, claim.attempt, status, cause);
        Ok(())
    }

    fn log_failure(&self, context: &Context, id: Uuid, attempts: u32, status: &str, cause: &str) {
        let fields = json!({self.id: id, "attempts": attempts, "status": status, "error": cause});
        log::warn(context, self.failure_message, fields);
    }

    /// Settles the entry if it is still due at `due_at`, and returns whether it was. A claim that expired finds another due time
    /// there, so only the holder of the latest claim settles.
    fn settle(
        &self,
        db: &dyn Database,
        id: Uuid,
        due_at: Millis,
        settled: Settled,
    ) -> Result<bool, SqlError> {
        let verb = match settled {
            Settled::Deleted => format!("DELETE FROM {}", self.table),
            Settled::Marked(assignment) => format!("UPDATE {} SET {assignment}", self.table),
        };
        let statement = format!(
            "{verb} WHERE {id} = $1 AND {due_at} = $2{} RETURNING {id}",
            self.and_waiting(),
            id = self.id,
            due_at = self.due_at,
        );
        let rows = db.execute(&statement, params![id, due_at])?;
        Ok(!rows.is_empty())
    }

    fn retry(&self, db: &dyn Database, claim: &Claim) -> Result<(), SqlError> {
        let (table, id, due_at) = (&self.table, self.id, self.due_at);
        let wait = self.wait(claim.attempt, random());
        let statement =
            format!("UPDATE {table} SET {due_at} = $1 WHERE {id} = $2 AND {due_at} = $3");
        db.execute(
            &statement,
            params![after(wait), claim.id, claim.leased_until],
        )
        .map(drop)
    }

    fn count(&self, db: &dyn Database) -> Result<u32, SqlError> {
        let condition = self.waiting.unwrap_or("1 = 1");
        let statement = format!("SELECT COUNT(*) FROM {} WHERE {condition}", self.table);
        let count = db.execute(&statement, &[])?.one(|row| row.get(0))?;
        Ok(count.unwrap_or(0))
    }

    fn and_waiting(&self) -> String {
        self.waiting
            .map_or(String::new(), |condition| format!(" AND {condition}"))
    }

    /// The wait after `attempt` has failed: half of it fixed, half random (`random`), so that entries that failed together are not
    /// retried together.
    pub fn wait(&self, attempt: u32, random: u32) -> Duration {
        let doubled = 1_u32
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let half = self
            .first_wait
            .saturating_mul(doubled)
            .min(self.longest_wait)
            / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

/// A host without randomness gets the longest waits.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}

fn after(duration: Duration) -> Millis {
    time::now().saturating_add(Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX))
}

#[cfg(all(test, feature = "testing"))]
mod tests;
