//! SQL for accounts.

use stoa_service::params;
use stoa_service::sql::{Database, Row, SqlError};
use stoa_service::time::{Millis, rfc3339};
use uuid::Uuid;

use crate::domain::User;
use crate::error::Error;

fn user(row: Row<'_>) -> Result<User, SqlError> {
    Ok(User {
        user_id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        phone: row.get(3)?,
        created_at: rfc3339(row.get(4)?),
    })
}

/// Adds an account. Error: [`Error::EmailTaken`] if the e-mail address already has an account.
pub fn add(
    db: &dyn Database,
    email: &str,
    name: &str,
    password_hash: &str,
    now: Millis,
) -> Result<User, Error> {
    db.execute(
        "INSERT INTO user_accounts (user_id, email, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (email) DO NOTHING RETURNING user_id, email, name, phone, created_at",
        params![stoa_service::id::new(), email, name, password_hash, now],
    )?
    .one(user)?
    .ok_or(Error::EmailTaken)
}

/// Reads the account of an e-mail address (in lower case), and the hash of its password.
pub fn find_by_email(db: &dyn Database, email: &str) -> Result<Option<(User, String)>, SqlError> {
    db.execute(
        "SELECT user_id, email, name, phone, created_at, password_hash FROM user_accounts WHERE email = $1",
        params![email],
    )?
    .one(|row| Ok((user(row)?, row.get(5)?)))
}

/// Reads the account with this id. Error: [`Error::NoAccount`].
pub fn find(db: &dyn Database, user_id: Uuid) -> Result<User, Error> {
    db.execute(
        "SELECT user_id, email, name, phone, created_at FROM user_accounts WHERE user_id = $1",
        params![user_id],
    )?
    .one(user)?
    .ok_or(Error::NoAccount)
}

/// Changes the fields that are not `None`. The change is one SQL statement, so concurrent changes of different fields both take
/// effect. With `Some(None)` for `phone`, the phone number is removed. Error: [`Error::NoAccount`].
pub fn change(
    db: &dyn Database,
    user_id: Uuid,
    name: Option<&str>,
    phone: Option<Option<&str>>,
) -> Result<User, Error> {
    db.execute(
        "UPDATE user_accounts SET name = COALESCE($1, name),
         phone = CASE WHEN CAST($2 AS BIGINT) = 1 THEN $3 ELSE phone END
         WHERE user_id = $4 RETURNING user_id, email, name, phone, created_at",
        params![name, phone.is_some(), phone.flatten(), user_id],
    )?
    .one(user)?
    .ok_or(Error::NoAccount)
}
