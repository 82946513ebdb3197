//! Bearer tokens: JWTs signed with ES256 by the user service, verified by every service against user's JWKS.
//!
//! The key set is kept in the service's own store and fetched again when a token names a key that is not in it, at most
//! once in [`REFETCH_AFTER`], or when it is older than [`MAX_AGE`].

use std::time::Duration;

use http::{Method, StatusCode};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::DecodePrivateKey as _;
use serde::{Deserialize, Serialize};
use signature::{Signer, Verifier};
use uuid::Uuid;

use crate::outbound::{Caller, DEFAULT_TIMEOUT, PeerError};
use crate::params;
use crate::problem::Problem;
use crate::request::Request;
use crate::sql::Database;
use crate::time;

/// Who issues tokens (`iss`).
pub const ISSUER: &str = "https://user.stoa.example";
/// Whom they are for (`aud`).
pub const AUDIENCE: &str = "stoa";
/// How soon the key set may be asked for again because of an unknown key id: forged ids must not become a flood.
pub const REFETCH_AFTER: Duration = Duration::from_secs(10);
/// How old the key set may grow: a key that user withdrew stops working after this long.
pub const MAX_AGE: Duration = Duration::from_secs(600);
/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 5;

/// The table for `$service`, as the text of one statement.
#[macro_export]
macro_rules! jwks_table {
    ($service:literal) => {
        concat!(
            "CREATE TABLE ",
            $service,
            "_jwks (id BIGINT PRIMARY KEY, jwks TEXT NOT NULL, fetched_at BIGINT NOT NULL)"
        )
    };
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: Uuid,
    /// [`ISSUER`].
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// Issued at, in seconds.
    pub iat: u64,
    /// Expires at, in seconds.
    pub exp: u64,
    /// The user's e-mail address.
    pub email: String,
    /// The user's name.
    pub name: String,
    /// The user's telephone number, in the form of E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// Verifies the request's token: 401 where it is absent, malformed, forged or expired, 503 where no key can be had.
pub fn verify(
    db: &dyn Database,
    caller: Caller<'_>,
    user_url: &str,
    request: &Request,
) -> Result<Claims, Problem> {
    let token = request.bearer()?;
    let kid = key_id(token)?;
    let service = caller.context.service();
    let stored = db
        .execute(
            &format!("SELECT jwks, fetched_at FROM {service}_jwks WHERE id = 1"),
            &[],
        )?
        .one(|row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)))?;
    let now = time::now();
    let (known, age) = match &stored {
        Some((jwks, fetched_at)) => (find(jwks, &kid), Some(now.saturating_sub(*fetched_at))),
        None => (None, None),
    };
    let older_than = |bound: Duration| {
        age.is_none_or(|age| u128::try_from(age).is_ok_and(|a| a > bound.as_millis()))
    };
    let key = match known {
        Some(key) if !older_than(MAX_AGE) => Some(key),
        known if older_than(REFETCH_AFTER) => match fetch(caller, user_url) {
            Ok(jwks) => {
                db.execute(
                    &format!(
                        "INSERT INTO {service}_jwks (id, jwks, fetched_at) VALUES (1, $1, $2)
                         ON CONFLICT (id) DO UPDATE SET jwks = excluded.jwks, fetched_at = excluded.fetched_at"
                    ),
                    params![&jwks, now],
                )?;
                find(&jwks, &kid)
            }
            // User is down: a key that was good stays good.
            Err(error) => Some(known.ok_or(error)?),
        },
        known => known,
    };
    let Some(key) = key else {
        return Err(Problem::unauthorized(
            "Authorization: the token's key (kid) is not one of user's",
        ));
    };
    decode(token, &key)
}

/// Verifies `token` with `key` and reads its claims.
pub fn decode(token: &str, key: &DecodingKey) -> Result<Claims, Problem> {
    install_es256();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.leeway = LEEWAY;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    jsonwebtoken::decode::<Claims>(token, key, &validation)
        .map(|data| data.claims)
        .map_err(|error| {
            Problem::unauthorized(match error.kind() {
                ErrorKind::ExpiredSignature => "Authorization: the token has expired; log in again",
                _ => "Authorization: the token is not valid",
            })
        })
}

/// Signs `claims` with `key`, whose id is `kid`.
pub fn encode(claims: &Claims, key: &EncodingKey, kid: &str) -> Result<String, Problem> {
    install_es256();
    let mut header = jsonwebtoken::Header::new(Algorithm::ES256);
    header.kid = Some(kid.to_owned());
    jsonwebtoken::encode(&header, claims, key).map_err(|error| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the token cannot be signed",
        )
        .caused_by(error.to_string())
    })
}

fn key_id(token: &str) -> Result<String, Problem> {
    install_es256();
    jsonwebtoken::decode_header(token)
        .ok()
        .filter(|header| header.alg == Algorithm::ES256)
        .and_then(|header| header.kid)
        .ok_or_else(|| {
            Problem::unauthorized(
                "Authorization: expected a JWT signed with ES256 that names its key",
            )
        })
}

/// The key `kid` of a JWKS, if it is there and a P-256 key.
pub fn find(jwks: &str, kid: &str) -> Option<DecodingKey> {
    let set: JwkSet = serde_json::from_str(jwks).ok()?;
    DecodingKey::from_jwk(set.find(kid)?).ok()
}

fn fetch(caller: Caller<'_>, user_url: &str) -> Result<String, PeerError> {
    let peer = caller.peer("user", user_url, DEFAULT_TIMEOUT);
    let reply = peer.send(peer.call(Method::GET, "/user/jwks"))?;
    let text = String::from_utf8(reply.body.clone()).ok();
    match text.filter(|t| serde_json::from_str::<JwkSet>(t).is_ok()) {
        Some(jwks) if reply.status == StatusCode::OK => Ok(jwks),
        _ => Err(peer.unexpected(&reply)),
    }
}

/// ES256 and nothing else: the library's own providers bring RSA, EdDSA and HMAC along, which no token here may use.
static ES256: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        let key =
            SigningKey::from_pkcs8_der(key.as_bytes()).map_err(|_| ErrorKind::InvalidEcdsaKey)?;
        only_es256(*algorithm)?;
        Ok(Box::new(Es256Signer(key)))
    },
    verifier_factory: |algorithm, key| {
        let key = VerifyingKey::from_sec1_bytes(key.try_get_as_bytes()?)
            .map_err(|_| ErrorKind::InvalidEcdsaKey)?;
        only_es256(*algorithm)?;
        Ok(Box::new(Es256Verifier(key)))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn install_es256() {
    // Fails only where a provider is installed already, which is this one.
    let _ = ES256.install_default();
}

fn only_es256(algorithm: Algorithm) -> Result<(), Error> {
    if algorithm == Algorithm::ES256 {
        Ok(())
    } else {
        Err(ErrorKind::InvalidAlgorithm.into())
    }
}

struct Es256Signer(SigningKey);

impl Signer<Vec<u8>> for Es256Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let signature: Signature = self.0.try_sign(message)?;
        Ok(signature.to_vec())
    }
}

impl JwtSigner for Es256Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

struct Es256Verifier(VerifyingKey);

impl Verifier<Vec<u8>> for Es256Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.0.verify(message, &Signature::from_slice(signature)?)
    }
}

impl JwtVerifier for Es256Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

#[cfg(all(test, feature = "testing"))]
#[expect(
    clippy::unwrap_used,
    reason = "a fixture that fails is to fail the test that uses it"
)]
mod tests {
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

    fn check(
        database: &TestDatabase,
        outbound: &FakeOutbound,
        token: &str,
    ) -> Result<Claims, Problem> {
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

    fn serving(issuer: &Issuer) -> FakeOutbound {
        let jwks = issuer.jwks();
        FakeOutbound::new(move |_| reply(200, jwks.clone()))
    }

    #[test]
    fn accepts_a_good_token_and_fetches_the_key_set_once() {
        let (issuer, database) = (Issuer::new("k1", 1), TestDatabase::new());
        let outbound = serving(&issuer);
        for _ in 0..3 {
            let claims = check(&database, &outbound, &issuer.token(user(), 60)).unwrap();
            assert_eq!(claims.sub, user());
        }
        assert_eq!(outbound.sent(), ["GET http://user/user/jwks"]);
    }

    #[test]
    fn refuses_expired_forged_unsigned_and_mangled_tokens() {
        let (issuer, database) = (Issuer::new("k1", 1), TestDatabase::new());
        let outbound = serving(&issuer);
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
    fn unknown_key_ids_do_not_become_a_flood_of_fetches() {
        let (issuer, database) = (Issuer::new("k1", 1), TestDatabase::new());
        let outbound = serving(&issuer);
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
    fn a_new_key_is_found_and_a_known_one_outlives_an_outage() {
        let database = TestDatabase::new();
        let (old, new) = (Issuer::new("k1", 1), Issuer::new("k2", 2));
        check(&database, &serving(&old), &old.token(user(), 60)).unwrap();
        let age = |by: i64| {
            let db = database.connect();
            db.execute(
                "UPDATE test_jwks SET fetched_at = fetched_at - $1",
                crate::params![by],
            )
            .unwrap();
        };
        age(11_000);
        check(&database, &serving(&new), &new.token(user(), 60)).unwrap();
        age(3_600_000);
        let down = FakeOutbound::new(|_| Err(CallError::NotSent("down".into())));
        check(&database, &down, &new.token(user(), 60)).unwrap();
        assert_eq!(
            check(&database, &down, &old.token(user(), 60))
                .unwrap_err()
                .status(),
            503
        );
    }
}
