//! Helpers for native tests of a service: a real database, a count of its statements, and an [`Outbound`] with the test's
//! responses.

mod database;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Mutex;

use http::{Method, StatusCode};

use crate::outbound::{Call, CallError, Outbound, Reply};
use crate::request::Request;
use crate::sql::{Database, Rows, SqlError, Value};

pub use database::{Connection, TestDatabase};
pub use stoa_postgres::wanted as is_postgres;

type Answers = dyn Fn(&Call) -> Result<Reply, CallError> + Send + Sync;

/// An [`Outbound`] that returns the test's responses and records the calls.
pub struct FakeOutbound {
    answers: Box<Answers>,
    calls: Mutex<Vec<Call>>,
}

impl FakeOutbound {
    /// Calls `answers` for every call.
    pub fn new(
        answers: impl Fn(&Call) -> Result<Reply, CallError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            answers: Box::new(answers),
            calls: Mutex::new(Vec::new()),
        }
    }

    /// An outbound that must not be used.
    pub fn none() -> Self {
        Self::new(|call| {
            Err(CallError::NotSent(format!(
                "{} {} was not expected",
                call.method, call.url
            )))
        })
    }

    /// The calls as `METHOD url`, in order.
    pub fn sent(&self) -> Vec<String> {
        self.calls()
            .iter()
            .map(|c| format!("{} {}", c.method, c.url))
            .collect()
    }

    /// The calls themselves.
    #[expect(
        clippy::expect_used,
        reason = "poisoned only by a test that failed already"
    )]
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("not poisoned").clone()
    }
}

impl Outbound for FakeOutbound {
    fn send(&self, call: Call) -> Result<Reply, CallError> {
        if let Ok(mut calls) = self.calls.lock() {
            calls.push(call.clone());
        }
        (self.answers)(&call)
    }
}

impl Outbound for std::sync::Arc<FakeOutbound> {
    fn send(&self, call: Call) -> Result<Reply, CallError> {
        (**self).send(call)
    }
}

/// A database that counts its statements.
pub struct Counted<D> {
    inner: D,
    count: Rc<Cell<usize>>,
}

impl<D: Database> Counted<D> {
    /// Counts from 0.
    pub fn new(inner: D) -> Self {
        Self {
            inner,
            count: Rc::default(),
        }
    }

    /// The number of statements so far, `BEGIN` and `COMMIT` included.
    pub fn count(&self) -> Rc<Cell<usize>> {
        Rc::clone(&self.count)
    }
}

impl<D: Database> Database for Counted<D> {
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError> {
        self.count.set(self.count.get() + 1);
        self.inner.execute(statement, params)
    }

    fn begin(&self, subject: &str) -> Result<(), SqlError> {
        self.count.set(self.count.get() + 1);
        self.inner.begin(subject)
    }
}

/// A reply with a JSON body.
pub fn reply(status: u16, body: serde_json::Value) -> Result<Reply, CallError> {
    Ok(Reply {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers: http::HeaderMap::new(),
        body: body.to_string().into_bytes(),
    })
}

/// A request with a JSON body and the given headers, to `service`.
#[expect(
    clippy::expect_used,
    reason = "a test cannot continue without its request"
)]
pub fn request(
    service: &'static str,
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request {
    let mut builder = http::Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/json");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let request = builder
        .body(body.as_bytes().to_vec())
        .expect("a well-formed request");
    Request::new(service, request)
}

/// A `POST` to the service `test`.
pub fn post(uri: &str, body: &str) -> Request {
    request("test", Method::POST, uri, &[], body)
}

/// Signs tokens like the user service, with a key of its own.
pub struct Issuer {
    kid: String,
    key: p256::ecdsa::SigningKey,
}

impl Issuer {
    /// `seed` (not 0) determines the key: the same seed gives the same key.
    #[expect(
        clippy::expect_used,
        reason = "a small number that is not 0 is a valid scalar"
    )]
    pub fn new(kid: impl Into<String>, seed: u8) -> Self {
        let mut scalar = [0_u8; 32];
        scalar[31] = seed;
        let key = p256::ecdsa::SigningKey::from_bytes(&scalar.into()).expect("a valid key");
        Self {
            kid: kid.into(),
            key,
        }
    }

    /// The private key, in the format of the setting `jwt_private_key`.
    #[expect(clippy::expect_used, reason = "a test cannot continue without a key")]
    pub fn pem(&self) -> String {
        use p256::pkcs8::EncodePrivateKey as _;
        let pem = self
            .key
            .to_pkcs8_pem(Default::default())
            .expect("a key to write");
        pem.to_string()
    }

    /// The key set, as in the response of `GET /user/jwks`.
    pub fn jwks(&self) -> serde_json::Value {
        use base64::Engine as _;
        let point = self.key.verifying_key().to_encoded_point(false);
        let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        serde_json::json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": encode(point.x().map_or(&[][..], |x| x)),
            "y": encode(point.y().map_or(&[][..], |y| y)),
        }]})
    }

    /// A token for `user` that expires in `seconds`, which may be negative.
    #[expect(clippy::expect_used, reason = "a test cannot continue without a token")]
    pub fn token(&self, user: uuid::Uuid, seconds: i64) -> String {
        use p256::pkcs8::EncodePrivateKey as _;
        let now = crate::time::now() / 1000;
        let claims = crate::token::Claims {
            sub: user,
            iss: crate::token::ISSUER.to_owned(),
            aud: crate::token::AUDIENCE.to_owned(),
            iat: u64::try_from(now.min(now + seconds)).unwrap_or_default(),
            exp: u64::try_from(now + seconds).unwrap_or_default(),
            email: "ann@example.com".to_owned(),
            name: "Ann".to_owned(),
            // Not the number of the profile: an SMS to it shows that the number came from the token.
            phone: Some("+430000".to_owned()),
        };
        let der = self.key.to_pkcs8_der().expect("a key to write");
        let key = jsonwebtoken::EncodingKey::from_ec_der(der.as_bytes());
        crate::token::encode(&claims, &key, &self.kid).expect("a token")
    }
}
