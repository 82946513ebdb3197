//! The buckets and the places in SQL.
//!
//! A bucket is one number, the instant at which it runs empty: a failed attempt moves it on by what one attempt takes to
//! leak out, from now or from where it is, whichever is later. That is one statement, so attempts at once all count.

use stoa_service::params;
use stoa_service::sql::{Database, SqlError, Step, transaction};
use stoa_service::time::Millis;

use super::{Bucket, DAY, PLACE_KEPT, PLACES};

/// Further tables of this service.
pub const TABLES: &[Step] = &[
    Step::Sql("CREATE TABLE user_attempts (bucket TEXT PRIMARY KEY, empty_at BIGINT NOT NULL)"),
    Step::Sql("CREATE INDEX user_attempts_empty ON user_attempts (empty_at)"),
    Step::Sql(
        "CREATE TABLE user_places (place TEXT PRIMARY KEY, account TEXT NOT NULL, seen_at BIGINT NOT NULL)",
    ),
    Step::Sql("CREATE INDEX user_places_account ON user_places (account, seen_at)"),
    Step::Sql("CREATE INDEX user_places_seen ON user_places (seen_at)"),
];

/// How many old rows are removed at once: more than an attempt adds, so there are never many.
const SWEPT_AT_ONCE: i64 = 20;

/// When the bucket runs empty; `None` of one that nothing is in.
pub(super) fn empty_at(db: &dyn Database, bucket: &Bucket<'_>) -> Result<Option<Millis>, SqlError> {
    db.execute(
        "SELECT empty_at FROM user_attempts WHERE bucket = $1",
        params![bucket.key],
    )?
    .one(|row| row.get(0))
}

/// Counts one attempt; false where the bucket is full.
pub(super) fn count(db: &dyn Database, bucket: &Bucket<'_>, now: Millis) -> Result<bool, SqlError> {
    let drip = bucket.limit.drip();
    let counted = db.execute(
        "INSERT INTO user_attempts (bucket, empty_at) VALUES ($1, $2)
         ON CONFLICT (bucket) DO UPDATE SET empty_at =
             CASE WHEN user_attempts.empty_at > $3 THEN user_attempts.empty_at ELSE $3 END + $4
         WHERE user_attempts.empty_at <= $5 RETURNING bucket",
        params![
            bucket.key,
            now + drip,
            now,
            drip,
            bucket.limit.has_room_until(now)
        ],
    )?;
    Ok(!counted.is_empty())
}

/// Takes back one attempt.
pub(super) fn give_back(db: &dyn Database, bucket: &Bucket<'_>) -> Result<(), SqlError> {
    db.execute(
        "UPDATE user_attempts SET empty_at = empty_at - $1 WHERE bucket = $2",
        params![bucket.limit.drip(), bucket.key],
    )
    .map(drop)
}

/// Takes back all.
pub(super) fn empty(db: &dyn Database, bucket: &Bucket<'_>) -> Result<(), SqlError> {
    db.execute(
        "DELETE FROM user_attempts WHERE bucket = $1",
        params![bucket.key],
    )
    .map(drop)
}

/// Whether there was a log-in from `place` later than `after`.
pub(super) fn is_known(db: &dyn Database, place: &str, after: Millis) -> Result<bool, SqlError> {
    let found = db.execute(
        "SELECT 1 FROM user_places WHERE place = $1 AND seen_at > $2",
        params![place, after],
    )?;
    Ok(!found.is_empty())
}

/// Remembers `place` for `account`, and forgets all but the last [`PLACES`]. A place that was seen today already costs no
/// write.
pub(super) fn remember(
    db: &dyn Database,
    place: &str,
    account: &str,
    now: Millis,
) -> Result<(), SqlError> {
    let written = db.execute(
        "INSERT INTO user_places (place, account, seen_at) VALUES ($1, $2, $3)
         ON CONFLICT (place) DO UPDATE SET seen_at = excluded.seen_at WHERE user_places.seen_at < $4
         RETURNING place",
        params![place, account, now, now - DAY],
    )?;
    if written.is_empty() {
        return Ok(());
    }
    let surplus = db.execute(
        "SELECT place FROM user_places WHERE account = $1 ORDER BY seen_at DESC, place LIMIT $2 OFFSET $3",
        params![account, SWEPT_AT_ONCE, PLACES],
    )?;
    forget(db, surplus.map(|row| row.get(0))?, now)?;
    let old = db.execute(
        "SELECT place FROM user_places WHERE seen_at <= $1 ORDER BY seen_at LIMIT $2",
        params![now - PLACE_KEPT, SWEPT_AT_ONCE],
    )?;
    if i64::try_from(old.len()) == Ok(SWEPT_AT_ONCE) {
        forget(db, old.map(|row| row.get(0))?, now - PLACE_KEPT)?;
    }
    Ok(())
}

/// Forgets those of `places` that were not seen after `until`.
fn forget(db: &dyn Database, mut places: Vec<String>, until: Millis) -> Result<(), SqlError> {
    if places.is_empty() {
        return Ok(());
    }
    places.sort_unstable();
    transaction(db, "user_places", || {
        for place in places {
            db.execute(
                "DELETE FROM user_places WHERE place = $1 AND seen_at <= $2",
                params![place, until],
            )?;
        }
        Ok(())
    })
}

/// Removes empty buckets, as soon as there are enough of them to be worth it.
pub(super) fn sweep(db: &dyn Database, now: Millis) -> Result<(), SqlError> {
    let old = db.execute(
        "SELECT bucket FROM user_attempts WHERE empty_at <= $1 ORDER BY empty_at LIMIT $2",
        params![now, SWEPT_AT_ONCE],
    )?;
    if i64::try_from(old.len()) != Ok(SWEPT_AT_ONCE) {
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
