//! The generated signing key.

use stoa_service::params;
use stoa_service::sql::{Database, SqlError};
use stoa_service::time::Millis;

use crate::keys::{KeyError, SigningKey};

/// The generated key. The first call generates it, once: concurrent first calls all get the same key.
pub fn generated(db: &dyn Database, now: Millis) -> Result<SigningKey, SqlError> {
    if let Some(key) = stored(db)? {
        return Ok(key);
    }
    let unusable = |error: KeyError| SqlError::Other(error.to_string());
    let key = SigningKey::generate().map_err(unusable)?;
    let pem = key.to_pem().map_err(unusable)?;
    db.execute(
        "INSERT INTO user_keys (id, kid, private_key, created_at) VALUES (1, $1, $2, $3) ON CONFLICT (id) DO NOTHING",
        params![key.kid(), pem, now],
    )?;
    // Read back: the key of another request may have been stored first.
    stored(db)?.ok_or_else(|| SqlError::Other("user_keys did not store the key".to_owned()))
}

fn stored(db: &dyn Database) -> Result<Option<SigningKey>, SqlError> {
    let pem: Option<String> = db
        .execute("SELECT private_key FROM user_keys WHERE id = 1", &[])?
        .one(|row| row.get(0))?;
    pem.map(|pem| SigningKey::from_pem(&pem))
        .transpose()
        .map_err(|error| SqlError::Other(format!("user_keys.private_key: {error}")))
}
