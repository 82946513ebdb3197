//! A token is accepted only if its claims are the signed ones.

use std::sync::LazyLock;

use jsonwebtoken::DecodingKey;
use proptest::prelude::*;
use stoa_service::testing::Issuer;
use stoa_service::token::{Claims, decode, find};
use uuid::Uuid;

use crate::{config, nearly};

/// A valid token, its key, and its claims.
static GOOD: LazyLock<(String, DecodingKey, Claims)> = LazyLock::new(|| {
    let issuer = Issuer::new("k1", 1);
    let token = issuer.token(Uuid::from_u128(7), 1_000_000);
    let key = find(&issuer.jwks().to_string(), "k1").unwrap();
    let claims = decode(&token, &key).unwrap();
    (token, key, claims)
});

fn refused_or_the_same(token: &str) -> Result<(), TestCaseError> {
    let (_, key, claims) = &*GOOD;
    match decode(token, key) {
        Ok(read) => prop_assert_eq!(&read, claims),
        Err(problem) => {
            prop_assert_eq!(problem.status(), 401);
            // The error does not repeat the input, which may be close to a real token.
            prop_assert!(!problem.detail().contains("eyJ"));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn fuzz_a_mutated_token(token in nearly(&GOOD.0, "[A-Za-z0-9_.=+/-]{0,6}")) {
        refused_or_the_same(&token)?;
    }

    #[test]
    fn fuzz_parts_that_are_json(header in "\\{[\"a-z:0-9,A-Z]{0,40}\\}", claims in "\\{[\"a-z:0-9,]{0,60}\\}", signature in "[A-Za-z0-9_-]{0,90}") {
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        refused_or_the_same(&format!("{}.{}.{signature}", encode(&header), encode(&claims)))?;
    }

    #[test]
    fn fuzz_any_text_as_a_token(token in ".{0,80}") {
        refused_or_the_same(&token)?;
    }

    #[test]
    fn fuzz_a_mutated_key_set(jwks in nearly(&Issuer::new("k1", 1).jwks().to_string(), "[A-Za-z0-9\"{}\\[\\]:,]{0,6}")) {
        // A mutated key that is found is a valid key: it rejects tokens of another key as always. A point off the curve causes no panic.
        if let Some(key) = find(&jwks, "k1") {
            let _ = decode(&GOOD.0, &key);
        }
    }
}

#[test]
fn the_good_one_is_taken() {
    assert_eq!(GOOD.2.sub, Uuid::from_u128(7));
}
