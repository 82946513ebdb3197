//! SQL for the generated signing key.

use stoa_service::params;
use stoa_service::sql::{Database, SqlError};
use stoa_service::time::Millis;

use crate::keys::{KeyError, SigningKey};

/// Returns the generated key. The first call generates and stores the key. If several calls find no key at the same time, all of
/// them return the same key.
pub fn find_or_generate(db: &dyn Database, now: Millis) -> Result<SigningKey, SqlError> {
    if let Some(key) = find(db)? {
        return Ok(key);
    }
    let unusable = |error: KeyError| SqlError::Other(error.to_string());
    let key = SigningKey::generate().map_err(unusable)?;
    let pem = key.to_pem().map_err(unusable)?;
    db.execute(
        "INSERT INTO user_keys (id, kid, private_key, created_at) VALUES (1, $1, $2, $3) ON CONFLICT (id) DO NOTHING",
        params![key.kid(), pem, now],
    )?;
    // The key is read again, because a concurrent request may have stored its key first.
    find(db)?.ok_or_else(|| {
        SqlError::Other("the generated key is missing in user_keys after its insert".to_owned())
    })
}

fn find(db: &dyn Database) -> Result<Option<SigningKey>, SqlError> {
    let pem: Option<String> = db
        .execute("SELECT private_key FROM user_keys WHERE id = 1", &[])?
        .one(|row| row.get(0))?;
    pem.map(|pem| SigningKey::from_pem(&pem))
        .transpose()
        .map_err(|error| SqlError::Other(format!("cannot read user_keys.private_key: {error}")))
}
