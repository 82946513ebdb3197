//! A work queue in a database table, with claims and retries. Services use such queues for events to send, messages to deliver and
//! calls to repeat.
//!
//! Several workers may drain a queue at the same time, such as a request and an operator's timer. A worker first claims an entry,
//! by moving the entry's due time into the future with compare-and-set. If the worker dies, the entry becomes due again at that
//! time.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::context::Context;
use crate::sql::{Database, Rows, SqlError};
use crate::time::{self, Millis};
use crate::{log, params};

/// A queue: its table and columns, and its retry policy.
///
/// The table also has a column `attempts`, which counts the claims of each entry.
#[derive(Debug, Clone)]
pub struct Queue {
    /// The name of the table.
    pub table: String,
    /// The column that has the id of an entry.
    pub id: &'static str,
    /// The column whose text the worker gets when it claims an entry. If the worker needs only the id, this is the column of the
    /// id.
    pub payload: &'static str,
    /// The column that has the instant at which an entry becomes due.
    pub due_at: &'static str,
    /// The SQL condition that selects waiting entries, such as `status = 'pending'`. `None` if finished entries are deleted, so
    /// every row is a waiting entry.
    pub waiting: Option<&'static str>,
    /// What happens to the row of an entry whose work is done.
    pub done: Settled,
    /// The maximum number of attempts, and what happens to the row of an entry after that many attempts have failed. With `None`,
    /// failed entries are retried without end.
    pub give_up: Option<(u32, Settled)>,
    /// The lifetime of a claim. It must be longer than the longest attempt, so that no two workers work on the same entry at the
    /// same time.
    pub lease: Duration,
    /// The wait after the first failed attempt. It doubles with each further failure. Half of each wait is random
    /// ([`Queue::wait`]).
    pub first_wait: Duration,
    /// The longest wait between two attempts.
    pub longest_wait: Duration,
    /// The maximum number of entries that one call of [`Queue::drain`] claims.
    pub batch: u32,
    /// The log message for a failed attempt.
    pub failure_message: &'static str,
}

/// What happens to the row of an entry that is done, or that is given up because all permitted attempts failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The entry's row is deleted.
    Deleted,
    /// The entry's row stays, and gets this SQL assignment, such as `status = 'delivered'`.
    Marked(&'static str),
}

/// An entry that this worker has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The entry's id.
    pub id: Uuid,
    /// The number of this attempt, counted from 1.
    pub attempt: u32,
    /// The text of the column [`Queue::payload`].
    pub payload: String,
    leased_until: Millis,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The entry is done.
    Done,
    /// The attempt failed. The text is the reason, which is logged. The entry is retried, or given up if it has no attempt left.
    Failed(String),
}

/// The result of one call of [`Queue::drain`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// The number of entries that this call completed.
    pub done: u32,
    /// The number of entries whose attempt failed during this call. Each of them is retried later, unless it has no attempt left.
    pub failed: u32,
    /// The number of entries that still wait after this call, whether they are due or not.
    pub still_waiting: u32,
}

/// The number of entries that wait in a queue, and when the oldest of them was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The number of waiting entries.
    pub waiting: u32,
    /// The instant at which the oldest waiting entry was added, RFC 3339; null if no entry waits.
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
    /// The statement that finds due entries. Its parameters are the current time and the maximum number of entries.
    pub fn due_statement(&self) -> String {
        let (table, id, due_at) = (&self.table, self.id, self.due_at);
        let waiting = self.and_waiting();
        format!(
            "SELECT {id}, attempts, {due_at} FROM {table} WHERE {due_at} <= $1{waiting} ORDER BY {due_at} LIMIT $2"
        )
    }

    /// Claims the due entries, oldest first, and calls `attempt` once for each. After `time_budget` is used up, no further attempt
    /// starts.
    ///
    /// If `attempt` returns an `Err`, the entry is retried later, and this call returns the error without claiming further entries.
    pub fn drain<E: From<SqlError>>(
        &self,
        db: &dyn Database,
        context: &Context,
        time_budget: Duration,
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
            if begun.elapsed() > time_budget {
                break;
            }
            // The entry has no attempt left, but its row does not record an outcome, because a worker died during the last
            // permitted attempt.
            if let Some((max_attempts, settled)) = self.give_up
                && due.attempts >= max_attempts
            {
                if self.settle(db, due.id, due.due_at, settled)? {
                    let cause = "the worker of the last attempt died";
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
        drained.still_waiting = self.count(db)?;
        Ok(drained)
    }

    /// Claims the entry. Returns `None` if another worker claimed the entry first.
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
        let given_up = self
            .give_up
            .filter(|(max_attempts, _)| claim.attempt >= *max_attempts);
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

    /// Deletes or marks the row of an entry that is finished, if its due time is still `due_at`. Returns true if the row was
    /// deleted or marked. Each claim changes the due time, so only the holder of the latest claim can finish an entry.
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

    /// The wait after the failure of attempt number `attempt`. Half of the wait is fixed and half is random, so entries that failed
    /// at the same time are not retried at the same time. `random` is a random number; `u32::MAX` gives the longest wait.
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

/// A random number. If the host cannot supply random numbers, the result is the maximum number, with which every wait has its
/// longest value.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}

fn after(duration: Duration) -> Millis {
    time::now().saturating_add(Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX))
}

#[cfg(all(test, feature = "testing"))]
mod tests;
