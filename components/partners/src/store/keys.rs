//! The idempotency keys of the requests to all third parties.

use stoa_service::idempotency::Key;
use stoa_service::params;
use stoa_service::sql::Database;

use crate::error::Error;

/// Stores `key`, inside the transaction of the request's work. The error is [`Error::KeyReused`] if the key was stored for another
/// request. No response is stored, because the work itself detects repeats and returns the first result.
pub fn store(db: &dyn Database, key: &Key<'_>) -> Result<(), Error> {
    db.execute(
        "INSERT INTO partners_keys (partner, key, fingerprint) VALUES ($1, $2, $3) ON CONFLICT (partner, key) DO NOTHING",
        params![key.owner, key.key, &key.fingerprint],
    )?;
    let fingerprint: Option<String> = db
        .execute(
            "SELECT fingerprint FROM partners_keys WHERE partner = $1 AND key = $2",
            params![key.owner, key.key],
        )?
        .one(|row| row.get(0))?;
    if fingerprint.as_deref() == Some(&*key.fingerprint) {
        Ok(())
    } else {
        Err(Error::KeyReused)
    }
}
