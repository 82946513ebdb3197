//! Tests of concurrent requests, reused keys, expired claims, and of which responses are stored.

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
fn twenty_concurrent_repeats_do_the_work_once_and_get_the_same_response() {
    let (database, worked) = (shop(), AtomicUsize::new(0));
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    submit(&database, r#"{"a":1}"#, Policy::default(), || {
                        std::thread::sleep(Duration::from_millis(30));
                        let execution = worked.fetch_add(1, Ordering::SeqCst);
                        route::json(StatusCode::CREATED, &execution)
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
fn the_key_is_rejected_for_another_body_but_not_for_other_white_space() {
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
fn a_decline_is_stored_and_a_failed_request_is_executed_again() {
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
fn a_response_with_retry_after_frees_the_key() {
    let database = shop();
    let later = || Err(Problem::conflict("cart_in_order", "not yet").retry_after(2));
    let first = submit(&database, "{}", Policy::default(), later);
    assert_eq!(first.status(), StatusCode::CONFLICT);
    let again = submit(&database, "{}", Policy::default(), route::no_content);
    assert_eq!(again.status(), 204);
}

#[test]
fn a_repeat_waits_at_most_the_time_limit_and_takes_over_an_expired_claim() {
    let database = shop();
    // The claim lasts longer than a busy machine needs to reach the next line.
    let dead = Policy {
        lease: Duration::from_secs(3),
        wait: Duration::ZERO,
    };
    // Imitates a request that dies: it claims the key and never stores a response.
    let request = testing::post("/order", "{}");
    let key = Key {
        owner: "ann",
        key: "k1",
        fingerprint: fingerprint(&request),
    };
    assert!(matches!(
        claim_key(&database.connect(), "test", &key, "dead", dead).unwrap(),
        ClaimResult::Claimed
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

#[test]
fn a_response_is_stored_once_and_only_if_it_is_final() {
    let database = shop();
    let db = database.connect();
    let request = testing::post("/order", r#"{"a":1}"#);
    let key = Key {
        owner: "ann",
        key: "k1",
        fingerprint: fingerprint(&request),
    };
    let answer = |status: u16| {
        let mut response = Response::new(status.to_string().into_bytes());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    };
    let stored_status = || {
        stored_response(&db, "test", &key)
            .unwrap()
            .map(|stored_response| stored_response.status())
    };
    store_response(&db, "test", &key, &answer(503)).unwrap();
    assert_eq!(stored_status(), None);
    assert!(!has_response(&db, "test", "ann", "k1").unwrap());
    for status in [402, 409] {
        store_response(&db, "test", &key, &answer(status)).unwrap();
        assert_eq!(stored_status(), Some(StatusCode::PAYMENT_REQUIRED));
    }
    assert!(has_response(&db, "test", "ann", "k1").unwrap());
    let other = Key {
        fingerprint: String::new(),
        ..key
    };
    let problem = stored_response(&db, "test", &other).unwrap_err();
    assert_eq!(problem.code(), "idempotency_key_reused");
}
