//! `Idempotency-Key`: the same key and the same body give the first answer again.
//!
//! A request claims its key before it works and stores its answer afterwards, each in a statement of its own: the work
//! runs outside any transaction. Repeats wait for the answer within a bound, then get 409 with `Retry-After`. The claim
//! of a request that died expires; whoever takes it over does the work again, so the work itself has to find what it did
//! the first time (a unique key on its own table).

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::id;
use crate::params;
use crate::problem::Problem;
use crate::request::Request;
use crate::route::{Answer, Response};
use crate::sql::{Database, SqlError};
use crate::time;

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

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// After this long a claim counts as dead: longer than a request may live.
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

/// The key of a request and what it asks for.
#[derive(Debug)]
pub struct Key<'a> {
    /// Whose key it is: the user, or the calling service. Keys of different owners never meet.
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

/// Answers with the stored answer of `key`, or does `work` and stores what it answers.
///
/// Every answer below 500 is stored: it is what the service decided. A 429, and any answer with `Retry-After`, decides nothing: like a
/// 5xx it frees the key, so that a retry tries again. Errors: 422 `idempotency_key_reused`, 409 `request_in_progress`, 503.
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
            Taken::OtherBody => {
                return Err(Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "idempotency_key_reused",
                    "Idempotency-Key: was used for another request; use a new key for a new request",
                ));
            }
            Taken::InProgress if time::now() >= give_up => {
                return Err(Problem::conflict(
                    "request_in_progress",
                    "Idempotency-Key: the first request with this key is still at work",
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
    let select = format!(
        "SELECT fingerprint, claimed_until, status, content_type, body FROM {service}_idempotency
         WHERE owner = $1 AND key = $2"
    );
    let rows = db.execute(&select, params![key.owner, key.key])?;
    let Some(row) = rows.first() else {
        return Ok(Taken::InProgress); // Given free between the two statements: the next turn claims it.
    };
    if row.get::<String>(0)? != key.fingerprint {
        return Ok(Taken::OtherBody);
    }
    if let Some(status) = row.get::<Option<i64>>(2)? {
        return Ok(Taken::Answered(replay(status, row.get(3)?, row.get(4)?)));
    }
    let expired: i64 = row.get(1)?;
    if expired >= now {
        return Ok(Taken::InProgress);
    }
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

fn store(
    db: &dyn Database,
    service: &str,
    key: &Key<'_>,
    claim: &str,
    response: &Response,
) -> Result<(), SqlError> {
    let status = response.status();
    let text = std::str::from_utf8(response.body());
    match text {
        Ok(body) if is_decision(response) => {
            let kind = response
                .headers()
                .get(header::CONTENT_TYPE)
                .and_then(|v| v.to_str().ok());
            db.execute(
                &format!(
                    "UPDATE {service}_idempotency SET status = $1, content_type = $2, body = $3
                     WHERE owner = $4 AND key = $5 AND claim = $6"
                ),
                params![
                    i64::from(status.as_u16()),
                    kind,
                    body,
                    key.owner,
                    key.key,
                    claim
                ],
            )?;
        }
        _ => {
            db.execute(
                &format!(
                    "DELETE FROM {service}_idempotency WHERE owner = $1 AND key = $2 AND claim = $3"
                ),
                params![key.owner, key.key, claim],
            )?;
        }
    }
    Ok(())
}

fn is_decision(response: &Response) -> bool {
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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::route;
    use crate::sql::{Schema, Step};
    use crate::testing::{self, TestDatabase};

    const SCHEMA: Schema = Schema {
        service: "test",
        migrations: &[&[Step::Sql(crate::idempotency_table!("test"))]],
    };

    fn shop() -> TestDatabase {
        let database = TestDatabase::new();
        SCHEMA.ensure(&database.connect()).unwrap();
        database
    }

    fn submit(
        database: &TestDatabase,
        body: &str,
        policy: Policy,
        work: impl FnOnce() -> Answer,
    ) -> Response {
        let request = testing::post("/order", body);
        let key = Key {
            owner: "ann",
            key: "k1",
            fingerprint: fingerprint(&request),
        };
        once(&database.connect(), &request, &key, policy, work)
            .unwrap_or_else(|p| p.into_response(request.context(), "/order"))
    }

    #[test]
    fn twenty_repeats_at_once_work_once_and_answer_alike() {
        let (database, worked) = (shop(), AtomicUsize::new(0));
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..20)
                .map(|_| {
                    scope.spawn(|| {
                        submit(&database, r#"{"a":1}"#, Policy::default(), || {
                            std::thread::sleep(Duration::from_millis(30));
                            let turn = worked.fetch_add(1, Ordering::SeqCst);
                            route::json(StatusCode::CREATED, &turn)
                        })
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(worked.load(Ordering::SeqCst), 1);
        assert!(
            answers
                .iter()
                .all(|a| a.status() == 201 && a.body() == b"0\n")
        );
    }

    #[test]
    fn refuses_the_key_for_another_body_but_not_for_other_white_space() {
        let database = shop();
        submit(
            &database,
            r#"{"a":1,"b":2}"#,
            Policy::default(),
            route::no_content,
        );
        let again = submit(
            &database,
            r#"{ "b": 2, "a": 1 }"#,
            Policy::default(),
            || unreachable!(),
        );
        assert_eq!(again.status(), 204);
        let other = submit(
            &database,
            r#"{"a":2}"#,
            Policy::default(),
            || unreachable!(),
        );
        assert_eq!(other.status(), 422);
    }

    #[test]
    fn a_declined_answer_is_kept_and_a_failed_one_is_tried_again() {
        let database = shop();
        let down = submit(&database, "{}", Policy::default(), || {
            Err(Problem::unavailable("down"))
        });
        assert_eq!(down.status(), 503);
        let declined = submit(&database, "{}", Policy::default(), || {
            Err(Problem::new(
                StatusCode::PAYMENT_REQUIRED,
                "payment_declined",
                "no",
            ))
        });
        let again = submit(&database, "{}", Policy::default(), || unreachable!());
        assert_eq!(
            (declined.status(), again.status()),
            (StatusCode::PAYMENT_REQUIRED, StatusCode::PAYMENT_REQUIRED)
        );
        assert_eq!(declined.body(), again.body());
        assert_eq!(again.headers()["content-type"], "application/problem+json");
    }

    #[test]
    fn an_answer_that_names_a_time_to_come_back_frees_the_key() {
        let database = shop();
        let later = || Err(Problem::conflict("cart_in_order", "not yet").retry_after(2));
        let first = submit(&database, "{}", Policy::default(), later);
        assert_eq!(first.status(), StatusCode::CONFLICT);
        let again = submit(&database, "{}", Policy::default(), route::no_content);
        assert_eq!(again.status(), 204);
    }

    #[test]
    fn waits_no_longer_than_the_bound_and_takes_over_a_dead_claim() {
        let database = shop();
        // Longer than a busy machine takes to come to the next line.
        let dead = Policy {
            lease: Duration::from_secs(3),
            wait: Duration::ZERO,
        };
        // A request that dies: it claims and never stores.
        let request = testing::post("/order", "{}");
        let key = Key {
            owner: "ann",
            key: "k1",
            fingerprint: fingerprint(&request),
        };
        assert!(matches!(
            take(&database.connect(), "test", &key, "dead", dead).unwrap(),
            Taken::Mine
        ));
        let early = submit(&database, "{}", dead, || unreachable!());
        assert_eq!(early.status(), 409);
        assert_eq!(early.headers()["retry-after"], "1");
        let patient = Policy {
            wait: Duration::from_secs(20),
            ..dead
        };
        assert_eq!(
            submit(&database, "{}", patient, route::no_content).status(),
            204
        );
    }
}
