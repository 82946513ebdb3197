//! Accounts and the signing key in SQL.

use stoa_service::params;
use stoa_service::sql::{Database, Row, Schema, SqlError, Step};
use stoa_service::time::{Millis, rfc3339};
use uuid::Uuid;

use crate::domain::User;
use crate::keys::SigningKey;
use crate::throttle;

/// The tables of this service.
pub const SCHEMA: Schema = Schema {
    service: "user",
    migrations: &[ACCOUNTS, throttle::TABLES],
};

const ACCOUNTS: &[Step] = &[
        Step::Sql(
            "CREATE TABLE user_accounts (user_id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
             phone TEXT, password_hash TEXT NOT NULL, created_at BIGINT NOT NULL)",
        ),
        Step::Sql(
            "CREATE TABLE user_keys (id BIGINT PRIMARY KEY, kid TEXT NOT NULL, private_key TEXT NOT NULL,
             created_at BIGINT NOT NULL)",
        ),
];

fn user(row: Row<'_>) -> Result<User, SqlError> {
    Ok(User {
        user_id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        phone: row.get(3)?,
        created_at: rfc3339(row.get(4)?),
    })
}

/// Adds an account; `None` where the address has one.
pub fn add(
    db: &dyn Database,
    email: &str,
    name: &str,
    password_hash: &str,
    now: Millis,
) -> Result<Option<User>, SqlError> {
    db.execute(
        "INSERT INTO user_accounts (user_id, email, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (email) DO NOTHING RETURNING user_id, email, name, phone, created_at",
        params![stoa_service::id::new(), email, name, password_hash, now],
    )?
    .one(user)
}

/// The account of an address (in lower case) with its password's hash.
pub fn by_email(db: &dyn Database, email: &str) -> Result<Option<(User, String)>, SqlError> {
    db.execute(
        "SELECT user_id, email, name, phone, created_at, password_hash FROM user_accounts WHERE email = $1",
        params![email],
    )?
    .one(|row| Ok((user(row)?, row.get(5)?)))
}

/// The account.
pub fn by_id(db: &dyn Database, user_id: Uuid) -> Result<Option<User>, SqlError> {
    db.execute(
        "SELECT user_id, email, name, phone, created_at FROM user_accounts WHERE user_id = $1",
        params![user_id],
    )?
    .one(user)
}

/// Changes what is given and leaves the rest, in one statement: two changes of different fields both count.
pub fn change(
    db: &dyn Database,
    user_id: Uuid,
    name: Option<&str>,
    phone: Option<Option<&str>>,
) -> Result<Option<User>, SqlError> {
    db.execute(
        "UPDATE user_accounts SET name = COALESCE($1, name),
         phone = CASE WHEN CAST($2 AS BIGINT) = 1 THEN $3 ELSE phone END
         WHERE user_id = $4 RETURNING user_id, email, name, phone, created_at",
        params![name, phone.is_some(), phone.flatten(), user_id],
    )?
    .one(user)
}

/// The key that was generated, and generates it the first time: once, however many ask at the same time.
pub fn generated_key(db: &dyn Database, now: Millis) -> Result<SigningKey, SqlError> {
    if let Some(key) = kept_key(db)? {
        return Ok(key);
    }
    let key = SigningKey::generate().map_err(SqlError::Other)?;
    let pem = key.to_pem().map_err(SqlError::Other)?;
    db.execute(
        "INSERT INTO user_keys (id, kid, private_key, created_at) VALUES (1, $1, $2, $3) ON CONFLICT (id) DO NOTHING",
        params![key.kid(), pem, now],
    )?;
    // Read back: another request's key may have been first.
    kept_key(db)?.ok_or_else(|| SqlError::Other("user_keys did not keep the key".to_owned()))
}

fn kept_key(db: &dyn Database) -> Result<Option<SigningKey>, SqlError> {
    let pem: Option<String> = db
        .execute("SELECT private_key FROM user_keys WHERE id = 1", &[])?
        .one(|row| row.get(0))?;
    pem.map(|pem| SigningKey::from_pem(&pem))
        .transpose()
        .map_err(|fault| SqlError::Other(format!("user_keys.private_key: {fault}")))
}
