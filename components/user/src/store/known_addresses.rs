//! Stores the known IP addresses of accounts as digests. A known address of an account is an IP address from which somebody has
//! logged in to the account.

use stoa_service::params;
use stoa_service::sql::{Database, SqlError, transaction};
use stoa_service::time::Millis;

use crate::throttle::{DAY, KNOWN_ADDRESS_LIFETIME, LoginAttempt, MAX_KNOWN_ADDRESSES};

/// The number of expired rows that one call removes. A log-in adds at most one row, so expired rows do not accumulate.
const SWEEP_BATCH: u32 = 20;

/// Returns true if somebody logged in to the account from the attempt's address within [`KNOWN_ADDRESS_LIFETIME`].
pub fn contains(db: &dyn Database, attempt: &LoginAttempt, now: Millis) -> Result<bool, SqlError> {
    if !attempt.has_address {
        return Ok(false);
    }
    let found = db.execute(
        "SELECT 1 FROM user_places WHERE place = $1 AND seen_at > $2",
        params![&attempt.account_and_address, now - KNOWN_ADDRESS_LIFETIME],
    )?;
    Ok(!found.is_empty())
}

/// Stores the attempt's address as a known address of the account, and keeps only the [`MAX_KNOWN_ADDRESSES`] addresses with the
/// latest log-ins. If the address was already stored within the past 24 hours, writes nothing.
pub fn remember(db: &dyn Database, attempt: &LoginAttempt, now: Millis) -> Result<(), SqlError> {
    if !attempt.has_address {
        return Ok(());
    }
    let written = db.execute(
        "INSERT INTO user_places (place, account, seen_at) VALUES ($1, $2, $3)
         ON CONFLICT (place) DO UPDATE SET seen_at = excluded.seen_at WHERE user_places.seen_at < $4
         RETURNING place",
        params![
            &attempt.account_and_address,
            &attempt.account,
            now,
            now - DAY
        ],
    )?;
    if written.is_empty() {
        return Ok(());
    }
    let surplus = db.execute(
        "SELECT place FROM user_places WHERE account = $1 ORDER BY seen_at DESC, place LIMIT $2 OFFSET $3",
        params![&attempt.account, SWEEP_BATCH, MAX_KNOWN_ADDRESSES],
    )?;
    forget(db, surplus.map(|row| row.get(0))?, now)?;
    let expired_at = now - KNOWN_ADDRESS_LIFETIME;
    let expired = db.execute(
        "SELECT place FROM user_places WHERE seen_at <= $1 ORDER BY seen_at LIMIT $2",
        params![expired_at, SWEEP_BATCH],
    )?;
    if u32::try_from(expired.len()) == Ok(SWEEP_BATCH) {
        forget(db, expired.map(|row| row.get(0))?, expired_at)?;
    }
    Ok(())
}

/// Removes those addresses in `places` whose last log-in was at `until` or earlier.
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
