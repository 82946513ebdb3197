//! The idempotency keys of all third parties.

use stoa_service::idempotency::Key;
use stoa_service::params;
use stoa_service::sql::Database;

use crate::error::Error;

/// Stores `key`, inside the transaction of the request's work; [`Error::KeyReused`] if it was stored for another request. The work
/// is unique by itself, so a repeat finds it and gets the same response.
pub fn keep(db: &dyn Database, key: &Key<'_>) -> Result<(), Error> {
    db.execute(
        "INSERT INTO partners_keys (partner, key, fingerprint) VALUES ($1, $2, $3) ON CONFLICT (partner, key) DO NOTHING",
        params![key.owner, key.key, &key.fingerprint],
    )?;
    let kept: Option<String> = db
        .execute(
            "SELECT fingerprint FROM partners_keys WHERE partner = $1 AND key = $2",
            params![key.owner, key.key],
        )?
        .one(|row| row.get(0))?;
    if kept.as_deref() == Some(&*key.fingerprint) {
        Ok(())
    } else {
        Err(Error::KeyReused)
    }
}
