//! Counts attempts to log in.
//!
//! A bucket is stored as one number: the time at which the bucket becomes empty. An attempt adds the leak time of one attempt to
//! the current time or to the stored time, whichever is later. The update is one SQL statement, so concurrent attempts all count.

use stoa_service::params;
use stoa_service::sql::{Database, SqlError, transaction};
use stoa_service::time::Millis;

use super::known_addresses;
use crate::error::Error;
use crate::throttle::{Bucket, Limits, LoginAttempt};

/// The number of empty buckets that one call removes. An attempt adds at most 3 buckets, so empty buckets do not accumulate.
const SWEEP_BATCH: u32 = 20;

/// An attempt that was counted, and whose password may be checked.
#[derive(Debug)]
pub struct AdmittedAttempt<'a> {
    attempt: &'a LoginAttempt,
    buckets: Vec<Bucket<'a>>,
}

/// Counts the attempt in all its buckets. Error: [`Error::TooManyAttempts`] if a bucket is full. A rejected attempt does not count.
pub fn admit<'a>(
    db: &dyn Database,
    attempt: &'a LoginAttempt,
    limits: &Limits,
    now: Millis,
) -> Result<AdmittedAttempt<'a>, Error> {
    let is_known = known_addresses::contains(db, attempt, now)?;
    let buckets = attempt.buckets(limits, is_known);
    // The buckets are read before the transaction begins, so a rejected attempt does not block other writers.
    check_room(db, &buckets, now)?;
    let counted = transaction(db, &attempt.account, || {
        for bucket in &buckets {
            if !count_attempt(db, bucket, now)? {
                return Err(Error::TooManyAttempts {
                    seconds: 1,
                    bucket: bucket.name,
                });
            }
        }
        Ok(())
    });
    if matches!(counted, Err(Error::TooManyAttempts { .. })) {
        // Concurrent attempts have filled a bucket after the check before the transaction. The repeated check returns the error
        // with the exact wait.
        check_room(db, &buckets, now)?;
    }
    counted?;
    remove_empty_buckets(db, now)?;
    Ok(AdmittedAttempt { attempt, buckets })
}

/// Records that the attempt's password is right. The attempt does not count any longer, and its IP address becomes a known address
/// of the account.
pub fn record_success(
    db: &dyn Database,
    admitted: &AdmittedAttempt<'_>,
    now: Millis,
) -> Result<(), SqlError> {
    let AdmittedAttempt { attempt, buckets } = admitted;
    transaction(db, &attempt.account, || {
        for bucket in buckets {
            if bucket.key == attempt.account_and_address {
                clear_bucket(db, bucket)?;
            } else {
                subtract_attempt(db, bucket)?;
            }
        }
        Ok::<_, SqlError>(())
    })?;
    known_addresses::remember(db, attempt, now)
}

/// Checks that no bucket is full. The error reports the full bucket with the longest wait.
fn check_room(db: &dyn Database, buckets: &[Bucket<'_>], now: Millis) -> Result<(), Error> {
    let mut longest = (0, "");
    for bucket in buckets {
        if let Some(empty_at) = read_empty_at(db, bucket)? {
            longest = longest.max((bucket.limit.wait_time(empty_at, now), bucket.name));
        }
    }
    let (millis, bucket) = longest;
    if millis == 0 {
        return Ok(());
    }
    let seconds = u32::try_from((millis + 999) / 1000).unwrap_or(u32::MAX);
    Err(Error::TooManyAttempts { seconds, bucket })
}

/// Reads the time at which the bucket becomes empty. `None` if the database has no row for the bucket, because the bucket is empty.
fn read_empty_at(db: &dyn Database, bucket: &Bucket<'_>) -> Result<Option<Millis>, SqlError> {
    db.execute(
        "SELECT empty_at FROM user_attempts WHERE bucket = $1",
        params![bucket.key],
    )?
    .one(|row| row.get(0))
}

/// Counts one attempt in the bucket. Returns false if the bucket is full.
fn count_attempt(db: &dyn Database, bucket: &Bucket<'_>, now: Millis) -> Result<bool, SqlError> {
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

/// Subtracts one attempt from the bucket.
fn subtract_attempt(db: &dyn Database, bucket: &Bucket<'_>) -> Result<(), SqlError> {
    db.execute(
        "UPDATE user_attempts SET empty_at = empty_at - $1 WHERE bucket = $2",
        params![bucket.limit.leak_time(), bucket.key],
    )
    .map(drop)
}

/// Removes all attempts from the bucket.
fn clear_bucket(db: &dyn Database, bucket: &Bucket<'_>) -> Result<(), SqlError> {
    db.execute(
        "DELETE FROM user_attempts WHERE bucket = $1",
        params![bucket.key],
    )
    .map(drop)
}

/// Removes empty buckets, but only if there are at least [`SWEEP_BATCH`], because a removal costs a transaction.
fn remove_empty_buckets(db: &dyn Database, now: Millis) -> Result<(), SqlError> {
    let empty_buckets = db.execute(
        "SELECT bucket FROM user_attempts WHERE empty_at <= $1 ORDER BY empty_at LIMIT $2",
        params![now, SWEEP_BATCH],
    )?;
    if u32::try_from(empty_buckets.len()) != Ok(SWEEP_BATCH) {
        return Ok(());
    }
    let mut empty_buckets = empty_buckets.map(|row| row.get::<String>(0))?;
    empty_buckets.sort_unstable();
    transaction(db, "user_attempts", || {
        for bucket in empty_buckets {
            db.execute(
                "DELETE FROM user_attempts WHERE bucket = $1 AND empty_at <= $2",
                params![bucket, now],
            )?;
        }
        Ok(())
    })
}
