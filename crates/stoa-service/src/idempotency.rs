//! Handling of `Idempotency-Key`: requests with the same key and the same body have one effect and get the same response.
//!
//! A service claims the key before it does a request's work, and stores the response after the work. The claim and the storing are
//! separate statements, so the work runs outside any transaction. A repeated request waits until a response is stored. If this
//! takes longer than a time limit, the repeated request gets 409 with `Retry-After`.
//!
//! If a request dies, its claim expires. The next request with the key does the work again. The work must therefore detect an
//! earlier execution, for example by a unique key in its own table.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::id;
use crate::params;
use crate::problem::Problem;
use crate::request::Request;
use crate::route::{Answer, Response};
use crate::sql::{Database, SqlError};
use crate::time::{self, Millis};

/// The SQL statement that creates the table of idempotency keys for `$service`.
#[macro_export]
macro_rules! idempotency_table {
    ($service:literal) => {
        concat!(
            "CREATE TABLE ",
            $service,
            "_idempotency (owner TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, claim TEXT NOT NULL,
             claimed_until BIGINT NOT NULL, status BIGINT, content_type TEXT, body TEXT, created_at BIGINT NOT NULL,
             PRIMARY KEY (owner, key))"
        )
    };
}

/// Time limits of claims and repeats.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The lifetime of a claim. It must be longer than a request may take. Otherwise a repeat could do the same work while the
    /// earlier request still runs.
    pub lease: Duration,
    /// The longest time that a repeated request waits for the stored response.
    pub wait: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(35),
            wait: Duration::from_secs(5),
        }
    }
}

/// An idempotency key with its owner, and the fingerprint of the request that contains the key.
#[derive(Debug)]
pub struct Key<'a> {
    /// The owner of the key: the user, or the calling service. If two owners use the same text as a key, these are two different
    /// keys.
    pub owner: &'a str,
    /// The value of the header `Idempotency-Key`.
    pub key: &'a str,
    /// The [`fingerprint`] of the request.
    pub fingerprint: String,
}

/// The SHA-256 digest of the method, the path and the JSON body. White space and the order of JSON members do not influence the
/// digest.
pub fn fingerprint(request: &Request) -> String {
    let body = serde_json::from_slice::<serde_json::Value>(request.body())
        .map(|v| v.to_string().into_bytes())
        .unwrap_or_else(|_| request.body().to_vec());
    let mut digest = Sha256::new();
    digest.update(request.method().as_str());
    digest.update([0]);
    digest.update(request.path());
    digest.update([0]);
    digest.update(body);
    digest
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// Returns the stored response of `key`. If no response is stored, runs `work`, and stores and returns the response of `work`.
///
/// A response is stored only if it is final ([`is_final`]). Any other response frees the key, so a retry runs the work again.
/// Errors: 422 `idempotency_key_reused`, 409 `request_in_progress`, and 503 if the database fails.
pub fn once(
    db: &dyn Database,
    request: &Request,
    key: &Key<'_>,
    policy: Policy,
    work: impl FnOnce() -> Answer,
) -> Answer {
    let service = request.context().service();
    let claim = id::new().to_string();
    let deadline = time::now().saturating_add(millis(policy.wait));
    let mut pause = Duration::from_millis(5);
    loop {
        match claim_key(db, service, key, &claim, policy).map_err(unavailable)? {
            ClaimResult::Claimed => break,
            ClaimResult::Answered(response) => return Ok(response),
            ClaimResult::OtherBody => return Err(key_reused()),
            ClaimResult::InProgress if time::now() >= deadline => {
                return Err(Problem::conflict(
                    "request_in_progress",
                    "Idempotency-Key: the first request with this key is still in progress",
                )
                .retry_after(1));
            }
            ClaimResult::InProgress => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(80));
            }
        }
    }
    let response =
        work().unwrap_or_else(|problem| problem.into_response(request.context(), request.path()));
    settle_claim(db, service, key, &claim, &response).map_err(unavailable)?;
    Ok(response)
}

/// The stored response of `key`, for a service that detects repeated requests by its own tables. Such a service claims no keys. It
/// calls [`store_response`] only for responses that it cannot reconstruct from its tables.
///
/// Errors: 422 `idempotency_key_reused`, and 503 if the database fails.
pub fn stored_response(
    db: &dyn Database,
    service: &str,
    key: &Key<'_>,
) -> Result<Option<Response>, Problem> {
    match read_key(db, service, key)? {
        None | Some(KeyState::Claimed(_)) => Ok(None),
        Some(KeyState::Answer(response)) => Ok(Some(response)),
        Some(KeyState::OtherBody) => Err(key_reused()),
    }
}

/// Stores `response` for `key`, unless the response is not final ([`is_final`]) or the key already has a response. The function
/// executes only one statement, so the caller may call it inside a transaction.
pub fn store_response(
    db: &dyn Database,
    service: &str,
    key: &Key<'_>,
    response: &Response,
) -> Result<(), SqlError> {
    let Some((status, kind, body)) = storable_parts(response) else {
        return Ok(());
    };
    let statement = format!(
        "INSERT INTO {service}_idempotency (owner, key, fingerprint, claim, claimed_until, status, content_type, body, created_at)
         VALUES ($1, $2, $3, '', 0, $4, $5, $6, $7)
         ON CONFLICT (owner, key) DO UPDATE SET fingerprint = excluded.fingerprint, claim = excluded.claim,
         claimed_until = excluded.claimed_until, status = excluded.status, content_type = excluded.content_type,
         body = excluded.body WHERE {service}_idempotency.status IS NULL"
    );
    let (owner, key, fingerprint) = (key.owner, key.key, &key.fingerprint);
    db.execute(
        &statement,
        params![owner, key, fingerprint, status, kind, body, time::now()],
    )
    .map(drop)
}

/// True if a response is stored for the key, whatever the body of its request was.
pub fn has_response(
    db: &dyn Database,
    service: &str,
    owner: &str,
    key: &str,
) -> Result<bool, SqlError> {
    let statement = format!(
        "SELECT owner FROM {service}_idempotency WHERE owner = $1 AND key = $2 AND status IS NOT NULL"
    );
    Ok(!db.execute(&statement, params![owner, key])?.is_empty())
}

enum ClaimResult {
    Claimed,
    Answered(Response),
    OtherBody,
    InProgress,
}

fn claim_key(
    db: &dyn Database,
    service: &str,
    key: &Key<'_>,
    claim: &str,
    policy: Policy,
) -> Result<ClaimResult, SqlError> {
    let now = time::now();
    let until = now.saturating_add(millis(policy.lease));
    let insert = format!(
        "INSERT INTO {service}_idempotency (owner, key, fingerprint, claim, claimed_until, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (owner, key) DO NOTHING RETURNING claim"
    );
    let claimed = db.execute(
        &insert,
        params![key.owner, key.key, &key.fingerprint, claim, until, now],
    )?;
    if !claimed.is_empty() {
        return Ok(ClaimResult::Claimed);
    }
    let expired = match read_key(db, service, key)? {
        // Another request freed the key after the insert above had found it claimed. The caller tries again, and can then claim the
        // key.
        None => return Ok(ClaimResult::InProgress),
        Some(KeyState::OtherBody) => return Ok(ClaimResult::OtherBody),
        Some(KeyState::Answer(response)) => return Ok(ClaimResult::Answered(response)),
        Some(KeyState::Claimed(until)) if until >= now => return Ok(ClaimResult::InProgress),
        Some(KeyState::Claimed(until)) => until,
    };
    let update = format!(
        "UPDATE {service}_idempotency SET claim = $1, claimed_until = $2
         WHERE owner = $3 AND key = $4 AND claimed_until = $5 AND status IS NULL RETURNING claim"
    );
    let claimed = db.execute(&update, params![claim, until, key.owner, key.key, expired])?;
    Ok(if claimed.is_empty() {
        ClaimResult::InProgress
    } else {
        ClaimResult::Claimed
    })
}

enum KeyState {
    OtherBody,
    Answer(Response),
    Claimed(Millis),
}

fn read_key(db: &dyn Database, service: &str, key: &Key<'_>) -> Result<Option<KeyState>, SqlError> {
    let select = format!(
        "SELECT fingerprint, claimed_until, status, content_type, body FROM {service}_idempotency
         WHERE owner = $1 AND key = $2"
    );
    let rows = db.execute(&select, params![key.owner, key.key])?;
    rows.one(|row| {
        if row.get::<String>(0)? != key.fingerprint {
            return Ok(KeyState::OtherBody);
        }
        Ok(match row.get::<Option<i64>>(2)? {
            Some(status) => KeyState::Answer(replay(status, row.get(3)?, row.get(4)?)),
            None => KeyState::Claimed(row.get(1)?),
        })
    })
}

fn key_reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "Idempotency-Key: was used for another request; use a new key for a new request",
    )
}

fn settle_claim(
    db: &dyn Database,
    service: &str,
    key: &Key<'_>,
    claim: &str,
    response: &Response,
) -> Result<(), SqlError> {
    let (owner, key) = (key.owner, key.key);
    match storable_parts(response) {
        Some((status, kind, body)) => {
            let statement = format!(
                "UPDATE {service}_idempotency SET status = $1, content_type = $2, body = $3
                 WHERE owner = $4 AND key = $5 AND claim = $6"
            );
            db.execute(&statement, params![status, kind, body, owner, key, claim])?;
        }
        None => {
            let statement = format!(
                "DELETE FROM {service}_idempotency WHERE owner = $1 AND key = $2 AND claim = $3"
            );
            db.execute(&statement, params![owner, key, claim])?;
        }
    }
    Ok(())
}

/// The status, the content type and the body to store for a response. `None` if the response is not final or its body is not UTF-8.
fn storable_parts(response: &Response) -> Option<(i64, Option<&str>, &str)> {
    let body = std::str::from_utf8(response.body()).ok()?;
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok());
    is_final(response).then(|| (i64::from(response.status().as_u16()), kind, body))
}

/// True if a response is final, so that it may be stored. A 5xx, a 429, and any response with `Retry-After` are not final.
pub fn is_final(response: &Response) -> bool {
    let status = response.status();
    !status.is_server_error()
        && status != StatusCode::TOO_MANY_REQUESTS
        && !response.headers().contains_key(header::RETRY_AFTER)
}

fn replay(status: i64, kind: Option<String>, body: Option<String>) -> Response {
    let mut response = Response::new(body.unwrap_or_default().into_bytes());
    *response.status_mut() = u16::try_from(status)
        .ok()
        .and_then(|s| StatusCode::from_u16(s).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(kind) = kind.and_then(|k| HeaderValue::try_from(k).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

fn unavailable(error: SqlError) -> Problem {
    Problem::from(error)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(all(test, feature = "testing"))]
#[expect(
    clippy::unwrap_used,
    reason = "a fixture that fails must fail the test that uses it"
)]
mod tests;
