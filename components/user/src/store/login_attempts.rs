//! Counts attempts to log in.
//!
//! A bucket is one number, the instant at which it becomes empty. An attempt moves it ahead by the time that one attempt takes to leak
//! out, from now or from its current value, whichever is later. That is one statement, so concurrent attempts all count.

use stoa_service::params;
use stoa_service::sql::{Database, SqlError, transaction};
use stoa_service::time::Millis;

use super::known_addresses;
use crate::error::Error;
use crate::throttle::{Bucket, Limits, LoginAttempt};

/// The number of empty buckets that are removed at once: more than an attempt adds, so there are never many.
const SWEEP_BATCH: u32 = 20;

/// A counted attempt whose password may be checked.
#[derive(Debug)]
pub struct Admitted<'a> {
    attempt: &'a LoginAttempt,
    buckets: Vec<Bucket<'a>>,
}

/// Counts the attempt. Errors: [`Error::TooManyAttempts`] if one of its buckets is full; then the attempt does not count.
pub fn admit<'a>(
    db: &dyn Database,
    attempt: &'a LoginAttempt,
    limits: &Limits,
    now: Millis,
) -> Result<Admitted<'a>, Error> {
    let is_known = known_addresses::contains(db, attempt, now)?;
    let buckets = attempt.buckets(limits, is_known);
    // Read first: a rejected attempt does not block other writers.
    check_room(db, &buckets, now)?;
    let counted = transaction(db, &attempt.account, || {
        for bucket in &buckets {
            if !count(db, bucket, now)? {
                return Err(Error::TooManyAttempts {
                    seconds: 1,
                    bucket: bucket.name,
                });
            }
        }
        Ok(())
    });
    if matches!(counted, Err(Error::TooManyAttempts { .. })) {
        // Other attempts were faster; the buckets now show how long they are full.
        check_room(db, &buckets, now)?;
    }
    counted?;
    sweep(db, now)?;
    Ok(Admitted { attempt, buckets })
}

/// The password is right: the attempt no longer counts, and its address becomes a known one.
pub fn succeed(db: &dyn Database, admitted: &Admitted<'_>, now: Millis) -> Result<(), SqlError> {
    let Admitted { attempt, buckets } = admitted;
    transaction(db, &attempt.account, || {
        for bucket in buckets {
            if bucket.key == attempt.account_and_address {
                empty(db, bucket)?;
            } else {
                give_back(db, bucket)?;
            }
        }
        Ok::<_, SqlError>(())
    })?;
    known_addresses::remember(db, attempt, now)
}

/// Checks that no bucket is full. The error has the longest wait of the full ones.
fn check_room(db: &dyn Database, buckets: &[Bucket<'_>], now: Millis) -> Result<(), Error> {
    let mut longest = (0, "");
    for bucket in buckets {
        if let Some(empty_at) = empty_at(db, bucket)? {
            longest = longest.max((bucket.limit.wait(empty_at, now), bucket.name));
        }
    }
    let (millis, bucket) = longest;
    if millis == 0 {
        return Ok(());
    }
    let seconds = u32::try_from((millis + 999) / 1000).unwrap_or(u32::MAX);
    Err(Error::TooManyAttempts { seconds, bucket })
}

/// When the bucket becomes empty; `None` if it has no row, so it is empty.
fn empty_at(db: &dyn Database, bucket: &Bucket<'_>) -> Result<Option<Millis>, SqlError> {
    db.execute(
        "SELECT empty_at FROM user_attempts WHERE bucket = $1",
        params![bucket.key],
    )?
    .one(|row| row.get(0))
}

/// Counts one attempt; returns false if the bucket is full.
fn count(db: &dyn Database, bucket: &Bucket<'_>, now: Millis) -> Result<bool, SqlError> {
    let leak_time = bucket.limit.leak_time();
    let counted = db.execute(
        "INSERT INTO user_attempts (bucket, empty_at) VALUES ($1, $2)
         ON CONFLICT (bucket) DO UPDATE SET empty_at =
             CASE WHEN user_attempts.empty_at > $3 THEN user_attempts.empty_at ELSE $3 END + $4
         WHERE user_attempts.empty_at <= $5 RETURNING bucket",
        params![
            bucket.key,
            now + leak_time,
            now,
            leak_time,
            bucket.limit.latest_empty_at(now)
        ],
    )?;
    Ok(!counted.is_empty())
}

/// Removes one attempt.
fn give_back(db: &dyn Database, bucket: &Bucket<'_>) -> Result<(), SqlError> {
    db.execute(
        "UPDATE user_attempts SET empty_at = empty_at - $1 WHERE bucket = $2",
        params![bucket.limit.leak_time(), bucket.key],
    )
    .map(drop)
}

/// Removes all attempts.
fn empty(db: &dyn Database, bucket: &Bucket<'_>) -> Result<(), SqlError> {
    db.execute(
        "DELETE FROM user_attempts WHERE bucket = $1",
        params![bucket.key],
    )
    .map(drop)
}

/// Removes empty buckets when there are enough of them to justify a transaction.
fn sweep(db: &dyn Database, now: Millis) -> Result<(), SqlError> {
    let old = db.execute(
        "SELECT bucket FROM user_attempts WHERE empty_at <= $1 ORDER BY empty_at LIMIT $2",
        params![now, SWEEP_BATCH],
    )?;
    if u32::try_from(old.len()) != Ok(SWEEP_BATCH) {
        return Ok(());
    }
    let mut old = old.map(|row| row.get::<String>(0))?;
    old.sort_unstable();
    transaction(db, "user_attempts", || {
        for bucket in old {
            db.execute(
                "DELETE FROM user_attempts WHERE bucket = $1 AND empty_at <= $2",
                params![bucket, now],
            )?;
        }
        Ok(())
    })
}
