//! The tables, and what the third parties' APIs have in common.

use serde::Serialize;
use stoa_service::idempotency::{Key, fingerprint};
use stoa_service::page::Page;
use stoa_service::params;
use stoa_service::problem::Problem;
use stoa_service::request::Request;
use stoa_service::route::{Answer, json};
use stoa_service::sql::{Database, Schema, SqlError, Step};

/// The tables of all third parties.
pub const SCHEMA: Schema = Schema {
    service: "partners",
    migrations: &[&[
        Step::Sql(
            "CREATE TABLE partners_scripts (partner TEXT PRIMARY KEY, mode TEXT NOT NULL, status BIGINT NOT NULL,
             delay_ms BIGINT NOT NULL, remaining BIGINT)",
        ),
        Step::Sql(
            "CREATE TABLE partners_keys (partner TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL,
             PRIMARY KEY (partner, key))",
        ),
        Step::Sql(
            "CREATE TABLE partners_charges (reference TEXT PRIMARY KEY, charge_id TEXT NOT NULL UNIQUE, amount BIGINT,
             currency TEXT, status TEXT NOT NULL, decline_code TEXT)",
        ),
        Step::Sql(
            "CREATE TABLE partners_ledger (entry_id TEXT PRIMARY KEY, reference TEXT NOT NULL, kind TEXT NOT NULL,
             amount BIGINT, currency TEXT, at BIGINT NOT NULL)",
        ),
        Step::Sql("CREATE INDEX partners_ledger_reference ON partners_ledger (reference, entry_id)"),
        Step::Sql(
            "CREATE TABLE partners_parcels (tracking_number TEXT PRIMARY KEY, reference TEXT NOT NULL UNIQUE,
             address TEXT NOT NULL, lines TEXT NOT NULL, status TEXT NOT NULL, created_at BIGINT NOT NULL)",
        ),
        Step::Sql(
            "CREATE TABLE partners_parcel_events (event_id TEXT PRIMARY KEY, tracking_number TEXT NOT NULL,
             status TEXT NOT NULL, at BIGINT NOT NULL, UNIQUE (tracking_number, status))",
        ),
        Step::Sql(
            "CREATE TABLE partners_messages (message_id TEXT PRIMARY KEY, channel TEXT NOT NULL, key TEXT,
             recipient TEXT NOT NULL, subject TEXT, body TEXT NOT NULL, at BIGINT NOT NULL, UNIQUE (channel, key))",
        ),
        Step::Sql("CREATE INDEX partners_messages_recipient ON partners_messages (channel, recipient, message_id)"),
        Step::Sql("CREATE INDEX partners_messages_channel ON partners_messages (channel, message_id)"),
    ]],
};

/// The `Idempotency-Key` of a request to `partner`, or 400.
pub fn key<'a>(partner: &'a str, request: &'a Request) -> Result<Key<'a>, Problem> {
    Ok(Key {
        owner: partner,
        key: request.idempotency_key()?,
        fingerprint: fingerprint(request),
    })
}

/// Keeps `key`, inside the transaction that does what it asks for; 422 if it was kept for another request. What is done
/// is unique by itself, so a repeat finds it and gets the same answer.
pub fn keep_key(db: &dyn Database, key: &Key<'_>) -> Result<(), Problem> {
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
        Err(Problem::new(
            http::StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "Idempotency-Key: was used for another request; use a new key for a new request",
        ))
    }
}

/// A reference of the shop's is 1 to 64 of `A-Z a-z 0-9 - _ .`.
pub fn check_reference(reference: &str) -> Result<(), Problem> {
    let fits = (1..=64).contains(&reference.len())
        && reference
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if fits {
        Ok(())
    } else {
        Err(Problem::invalid(format!(
            "reference: `{}` is not 1 to 64 letters, digits, `-`, `_` or `.`",
            stoa_service::text::shorten(reference)
        )))
    }
}

/// The list of what has the reference that is asked for: one thing or none.
pub fn list_of_reference<T: Serialize>(
    request: &Request,
    find: impl FnOnce(&str) -> Result<Option<T>, SqlError>,
) -> Answer {
    let [reference] = request.query(["reference"])?;
    let reference = reference
        .ok_or_else(|| Problem::bad_request("missing_parameter", "query: reference is missing"))?;
    check_reference(&reference)?;
    json(
        http::StatusCode::OK,
        &Page {
            items: find(&reference)?.into_iter().collect(),
            next_page_token: None,
        },
    )
}

/// A text of 1 to `longest` characters, as JSON Schema counts them.
pub fn check_text(field: &str, text: &str, longest: usize) -> Result<(), Problem> {
    let length = text.chars().count();
    if (1..=longest).contains(&length) {
        Ok(())
    } else {
        Err(Problem::invalid(format!(
            "{field}: {length} characters given, expected 1 to {longest}"
        )))
    }
}
