//! `Idempotency-Key`: the same key and the same body get the first answer again.
//!
//! A request claims its key before it works and stores its answer afterwards, each in a statement of its own: the work
//! runs outside any transaction. Repeats wait for the answer within a bound, then get 409 with `Retry-After`. The claim
//! of a request that died expires. The request that takes it over does the work again, so the work itself must find what
//! was done the first time (a unique key on its own table).

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

/// The table for `$service`, as the text of one statement.
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
    /// A claim counts as dead after this time: longer than a request may live.
    pub lease: Duration,
    /// How long a repeat waits for the first answer.
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

/// The key of a request, its owner, and the fingerprint of the request.
#[derive(Debug)]
pub struct Key<'a> {
    /// The owner of the key: the user, or the calling service. Keys of different owners never collide.
    pub owner: &'a str,
    /// The header's value.
    pub key: &'a str,
    /// [`fingerprint`] of the request.
    pub fingerprint: String,
}

/// A digest of method, path and JSON body; white space and the order of members do not count.
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

/// Returns the stored answer of `key`, or runs `work` and stores its answer.
///
/// Every answer below 500 is stored: it is the service's decision. A 429, and any answer with `Retry-After`, decides nothing: like a
/// 5xx it frees the key, so that a retry runs the work again. Errors: 422 `idempotency_key_reused`, 409 `request_in_progress`, 503.
pub fn once(
    db: &dyn Database,
    request: &Request,
    key: &Key<'_>,
    policy: Policy,
    work: impl FnOnce() -> Answer,
) -> Answer {
    let service = request.context().service();
    let claim = id::new().to_string();
    let give_up = time::now().saturating_add(millis(policy.wait));
    let mut pause = Duration::from_millis(5);
    loop {
        match take(db, service, key, &claim, policy).map_err(unavailable)? {
            Taken::Mine => break,
            Taken::Answered(response) => return Ok(response),
            Taken::OtherBody => return Err(reused()),
            Taken::InProgress if time::now() >= give_up => {
                return Err(Problem::conflict(
                    "request_in_progress",
                    "Idempotency-Key: the first request with this key is still in progress",
                )
                .retry_after(1));
            }
            Taken::InProgress => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(80));
            }
        }
    }
    let response =
        work().unwrap_or_else(|problem| problem.into_response(request.context(), request.path()));
    store(db, service, key, &claim, &response).map_err(unavailable)?;
    Ok(response)
}

/// The stored answer of `key`, for a service whose own tables detect repeats: it claims no key, and stores only the answers that
/// these tables cannot give again ([`keep`]).
///
/// Errors: 422 `idempotency_key_reused`, 503.
pub fn kept(db: &dyn Database, service: &str, key: &Key<'_>) -> Result<Option<Response>, Problem> {
    match stored(db, service, key)? {
        None | Some(Stored::Claimed(_)) => Ok(None),
        Some(Stored::Answer(response)) => Ok(Some(response)),
        Some(Stored::OtherBody) => Err(reused()),
    }
}

/// Stores `answer` for `key`, unless it decides nothing or the key has an answer. One statement, so it may be part of a transaction.
pub fn keep(
    db: &dyn Database,
    service: &str,
    key: &Key<'_>,
    answer: &Response,
) -> Result<(), SqlError> {
    let Some((status, kind, body)) = decision(answer) else {
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

/// Whether the key has an answer, for any body.
pub fn is_answered(
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

enum Taken {
    Mine,
    Answered(Response),
    OtherBody,
    InProgress,
}

fn take(
    db: &dyn Database,
    service: &str,
    key: &Key<'_>,
    claim: &str,
    policy: Policy,
) -> Result<Taken, SqlError> {
    let now = time::now();
    let until = now.saturating_add(millis(policy.lease));
    let insert = format!(
        "INSERT INTO {service}_idempotency (owner, key, fingerprint, claim, claimed_until, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (owner, key) DO NOTHING RETURNING claim"
    );
    let mine = db.execute(
        &insert,
        params![key.owner, key.key, &key.fingerprint, claim, until, now],
    )?;
    if !mine.is_empty() {
        return Ok(Taken::Mine);
    }
    let expired = match stored(db, service, key)? {
        // Freed between the two statements: the next attempt claims it.
        None => return Ok(Taken::InProgress),
        Some(Stored::OtherBody) => return Ok(Taken::OtherBody),
        Some(Stored::Answer(response)) => return Ok(Taken::Answered(response)),
        Some(Stored::Claimed(until)) if until >= now => return Ok(Taken::InProgress),
        Some(Stored::Claimed(until)) => until,
    };
    let update = format!(
        "UPDATE {service}_idempotency SET claim = $1, claimed_until = $2
         WHERE owner = $3 AND key = $4 AND claimed_until = $5 AND status IS NULL RETURNING claim"
    );
    let mine = db.execute(&update, params![claim, until, key.owner, key.key, expired])?;
    Ok(if mine.is_empty() {
        Taken::InProgress
    } else {
        Taken::Mine
    })
}

enum Stored {
    OtherBody,
    Answer(Response),
    Claimed(Millis),
}

fn stored(db: &dyn Database, service: &str, key: &Key<'_>) -> Result<Option<Stored>, SqlError> {
    let select = format!(
        "SELECT fingerprint, claimed_until, status, content_type, body FROM {service}_idempotency
         WHERE owner = $1 AND key = $2"
    );
    let rows = db.execute(&select, params![key.owner, key.key])?;
    rows.one(|row| {
        if row.get::<String>(0)? != key.fingerprint {
            return Ok(Stored::OtherBody);
        }
        Ok(match row.get::<Option<i64>>(2)? {
            Some(status) => Stored::Answer(replay(status, row.get(3)?, row.get(4)?)),
            None => Stored::Claimed(row.get(1)?),
        })
    })
}

fn reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "Idempotency-Key: was used for another request; use a new key for a new request",
    )
}

fn store(
    db: &dyn Database,
    service: &str,
    key: &Key<'_>,
    claim: &str,
    response: &Response,
) -> Result<(), SqlError> {
    let (owner, key) = (key.owner, key.key);
    match decision(response) {
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

/// Status, content type and body of an answer that is stored; `None` for one that is not.
fn decision(response: &Response) -> Option<(i64, Option<&str>, &str)> {
    let body = std::str::from_utf8(response.body()).ok()?;
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok());
    is_decision(response).then(|| (i64::from(response.status().as_u16()), kind, body))
}

/// Whether an answer is stored. A 5xx, a 429, and any answer with `Retry-After` decides nothing.
pub fn is_decision(response: &Response) -> bool {
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
    reason = "a fixture that fails is to fail the test that uses it"
)]
mod tests;
