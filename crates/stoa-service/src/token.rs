//! Bearer tokens. They are JWTs that the `user` service signs with ES256. Every service verifies them with the public keys of
//! `user`, a JSON Web Key Set (JWKS).
//!
//! A service stores the key set in its own database. It fetches the key set again if the stored one is older than
//! [`MAX_KEY_SET_AGE`]. It also fetches the key set if a token names an unknown key, but at most once in [`MIN_REFETCH_INTERVAL`].

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

/// The issuer of tokens (`iss`).
pub const ISSUER: &str = "https://user.stoa.example";
/// The audience of tokens (`aud`).
pub const AUDIENCE: &str = "stoa";
/// A token with an unknown key id causes a fetch of the key set, at most once in this interval. Without the interval, forged key
/// ids could cause a flood of calls.
pub const MIN_REFETCH_INTERVAL: Duration = Duration::from_secs(10);
/// The maximum age of the stored key set. A key that `user` has withdrawn is rejected after this time at the latest.
pub const MAX_KEY_SET_AGE: Duration = Duration::from_secs(600);
/// The largest tolerated difference between the clocks of two services, in seconds.
const CLOCK_LEEWAY_SECONDS: u64 = 5;

/// The SQL statement that creates the table of the key set for `$service`.
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

/// The claims of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub sub: Uuid,
    /// The issuer: [`ISSUER`].
    pub iss: String,
    /// The audience: [`AUDIENCE`].
    pub aud: String,
    /// The instant at which the token was issued, in seconds since the Unix epoch.
    pub iat: u64,
    /// The instant at which the token expires, in seconds since the Unix epoch.
    pub exp: u64,
    /// The user's e-mail address.
    pub email: String,
    /// The user's name.
    pub name: String,
    /// The user's telephone number, in the format of E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// Verifies the request's token. A token that is absent, malformed, forged or expired gets 401. If no key is available, the
/// response is 503.
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
        Some((jwks, fetched_at)) => (find_key(jwks, &kid), Some(now.saturating_sub(*fetched_at))),
        None => (None, None),
    };
    let older_than = |bound: Duration| {
        age.is_none_or(|age| u128::try_from(age).is_ok_and(|a| a > bound.as_millis()))
    };
    let key = match known {
        Some(key) if !older_than(MAX_KEY_SET_AGE) => Some(key),
        known if older_than(MIN_REFETCH_INTERVAL) => match fetch_jwks(caller, user_url) {
            Ok(jwks) => {
                db.execute(
                    &format!(
                        "INSERT INTO {service}_jwks (id, jwks, fetched_at) VALUES (1, $1, $2)
                         ON CONFLICT (id) DO UPDATE SET jwks = excluded.jwks, fetched_at = excluded.fetched_at"
                    ),
                    params![&jwks, now],
                )?;
                find_key(&jwks, &kid)
            }
            // If the `user` service does not respond, a key in the stored key set is still accepted, even if this key set is too
            // old.
            Err(error) => Some(known.ok_or(error)?),
        },
        known => known,
    };
    decode(token, &key.ok_or_else(unknown_key)?)
}

/// The response to a token whose key is unknown, for example because `user` has withdrawn the key.
pub fn unknown_key() -> Problem {
    Problem::unauthorized("Authorization: the token names an unknown key (kid); log in again")
}

/// Verifies `token` with `key` and reads its claims.
pub fn decode(token: &str, key: &DecodingKey) -> Result<Claims, Problem> {
    install_es256();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.leeway = CLOCK_LEEWAY_SECONDS;
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
            "cannot sign the token",
        )
        .caused_by(error.to_string())
    })
}

/// The id of the key that signed `token`, which is not verified yet. Error: 401 if `token` is not a JWT with ES256 and a key id.
pub fn key_id(token: &str) -> Result<String, Problem> {
    install_es256();
    jsonwebtoken::decode_header(token)
        .ok()
        .filter(|header| header.alg == Algorithm::ES256)
        .and_then(|header| header.kid)
        .ok_or_else(|| {
            Problem::unauthorized(
                "Authorization: expected a JWT that is signed with ES256 and names its key (kid)",
            )
        })
}

/// The key with the id `kid` in a JWKS; `None` if the key is absent or unusable.
pub fn find_key(jwks: &str, kid: &str) -> Option<DecodingKey> {
    let set: JwkSet = serde_json::from_str(jwks).ok()?;
    DecodingKey::from_jwk(set.find(kid)?).ok()
}

fn fetch_jwks(caller: Caller<'_>, user_url: &str) -> Result<String, PeerError> {
    let peer = caller.peer("the user service", user_url, DEFAULT_TIMEOUT);
    let reply = peer.send(peer.call(Method::GET, "/user/jwks"))?;
    let text = String::from_utf8(reply.body.clone()).ok();
    match text.filter(|t| serde_json::from_str::<JwkSet>(t).is_ok()) {
        Some(jwks) if reply.status == StatusCode::OK => Ok(jwks),
        _ => Err(peer.unexpected(&reply)),
    }
}

/// A crypto provider with ES256 only. The library's own providers include RSA, EdDSA and HMAC, which the shop's tokens must not
/// use.
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
    // Installing this provider fails only if a provider is already installed. The shop never installs another provider, so the
    // installed provider is the right one.
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
mod tests;
