#![expect(
    clippy::unwrap_used,
    reason = "a fixture that fails must fail the test that uses it"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::outbound::CallError;
use crate::sql::{Schema, Step};
use crate::testing::{FakeOutbound, Issuer, TestDatabase, reply, request};

const SCHEMA: Schema = Schema {
    service: "test",
    migrations: &[&[Step::Sql(crate::jwks_table!("test"))]],
};

fn user() -> Uuid {
    Uuid::from_u128(7)
}

fn check(database: &TestDatabase, outbound: &FakeOutbound, token: &str) -> Result<Claims, Problem> {
    let db = database.connect();
    SCHEMA.ensure(&db).unwrap();
    let header = format!("Bearer {token}");
    let request = request(
        "test",
        Method::GET,
        "/cart",
        &[("authorization", &header)],
        "",
    );
    let caller = Caller {
        outbound,
        context: request.context(),
    };
    verify(&db, caller, "http://user", &request)
}

fn serving_key_set(issuer: &Issuer) -> FakeOutbound {
    let jwks = issuer.jwks();
    FakeOutbound::new(move |_| reply(200, jwks.clone()))
}

#[test]
fn accepts_a_good_token_and_fetches_the_key_set_once() {
    let (issuer, database) = (Issuer::new("k1", 1), TestDatabase::new());
    let outbound = serving_key_set(&issuer);
    for _ in 0..3 {
        let claims = check(&database, &outbound, &issuer.token(user(), 60)).unwrap();
        assert_eq!(claims.sub, user());
    }
    assert_eq!(outbound.sent(), ["GET http://user/user/jwks"]);
}

#[test]
fn expired_forged_unsigned_and_malformed_tokens_are_rejected() {
    let (issuer, database) = (Issuer::new("k1", 1), TestDatabase::new());
    let outbound = serving_key_set(&issuer);
    let good = issuer.token(user(), 60);
    let (body, signature) = good.rsplit_once('.').unwrap();
    let claims = body.split_once('.').unwrap().1;
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#);
    let hmac = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"k1"}"#);
    let bad = [
        issuer.token(user(), -60),
        Issuer::new("k1", 2).token(user(), 60),
        Issuer::new("k9", 1).token(user(), 60),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{hmac}.{claims}.{signature}"),
        format!("{body}."),
        format!("{body}.{}", signature.to_uppercase()),
        "x".to_owned(),
    ];
    for token in bad {
        let problem = check(&database, &outbound, &token).unwrap_err();
        assert_eq!(problem.status(), 401, "{token}");
    }
}

#[test]
fn repeated_unknown_key_ids_cause_one_fetch() {
    let (issuer, database) = (Issuer::new("k1", 1), TestDatabase::new());
    let outbound = serving_key_set(&issuer);
    for _ in 0..5 {
        let forged = Issuer::new("k9", 3).token(user(), 60);
        assert_eq!(
            check(&database, &outbound, &forged).unwrap_err().status(),
            401
        );
    }
    assert_eq!(outbound.sent().len(), 1);
}

#[test]
fn a_new_key_is_fetched_and_a_stored_key_works_while_user_is_down() {
    let database = TestDatabase::new();
    let (old, new) = (Issuer::new("k1", 1), Issuer::new("k2", 2));
    check(&database, &serving_key_set(&old), &old.token(user(), 60)).unwrap();
    let make_key_set_older = |millis: i64| {
        let db = database.connect();
        db.execute(
            "UPDATE test_jwks SET fetched_at = fetched_at - $1",
            crate::params![millis],
        )
        .unwrap();
    };
    make_key_set_older(11_000);
    check(&database, &serving_key_set(&new), &new.token(user(), 60)).unwrap();
    make_key_set_older(3_600_000);
    let down = FakeOutbound::new(|_| Err(CallError::NotSent("down".into())));
    check(&database, &down, &new.token(user(), 60)).unwrap();
    assert_eq!(
        check(&database, &down, &old.token(user(), 60))
            .unwrap_err()
            .status(),
        503
    );
}
