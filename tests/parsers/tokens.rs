//! Property tests of tokens: a token is accepted only if its claims are signed.

use std::sync::LazyLock;

use jsonwebtoken::DecodingKey;
use proptest::prelude::*;
use stoa_service::testing::Issuer;
use stoa_service::token::{Claims, decode, find_key};
use uuid::Uuid;

use crate::{config, mutated};

/// A valid token, its key, and its claims.
static VALID_TOKEN: LazyLock<(String, DecodingKey, Claims)> = LazyLock::new(|| {
    let issuer = Issuer::new("k1", 1);
    let token = issuer.token(Uuid::from_u128(7), 1_000_000);
    let key = find_key(&issuer.jwks().to_string(), "k1").unwrap();
    let claims = decode(&token, &key).unwrap();
    (token, key, claims)
});

/// Checks that a token is rejected, or that it has the signed claims.
fn check_token(token: &str) -> Result<(), TestCaseError> {
    let (_, key, claims) = &*VALID_TOKEN;
    match decode(token, key) {
        Ok(read) => prop_assert_eq!(&read, claims),
        Err(problem) => {
            prop_assert_eq!(problem.status(), 401);
            // The error must not repeat the token, which may be almost valid.
            prop_assert!(!problem.detail().contains("eyJ"));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn fuzz_a_mutated_token(token in mutated(&VALID_TOKEN.0, "[A-Za-z0-9_.=+/-]{0,6}")) {
        check_token(&token)?;
    }

    #[test]
    fn fuzz_parts_that_are_json(header in "\\{[\"a-z:0-9,A-Z]{0,40}\\}", claims in "\\{[\"a-z:0-9,]{0,60}\\}", signature in "[A-Za-z0-9_-]{0,90}") {
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        check_token(&format!("{}.{}.{signature}", encode(&header), encode(&claims)))?;
    }

    #[test]
    fn fuzz_any_text_as_a_token(token in ".{0,80}") {
        check_token(&token)?;
    }

    #[test]
    fn fuzz_a_mutated_key_set(jwks in mutated(&Issuer::new("k1", 1).jwks().to_string(), "[A-Za-z0-9\"{}\\[\\]:,]{0,6}")) {
        // `find_key` may return a mutated key. Such a key must not cause a panic, even if it is not a point of the curve.
        if let Some(key) = find_key(&jwks, "k1") {
            let _ = decode(&VALID_TOKEN.0, &key);
        }
    }
}

#[test]
fn a_valid_token_is_accepted() {
    assert_eq!(VALID_TOKEN.2.sub, Uuid::from_u128(7));
}
