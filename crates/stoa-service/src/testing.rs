//! Helpers for the native tests of a service: a real database, a counter for its statements, and an [`Outbound`] that returns the
//! responses of the test.

mod database;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Mutex;

use http::{Method, StatusCode};

use crate::outbound::{Call, CallError, Outbound, Reply};
use crate::request::Request;
use crate::sql::{Database, Rows, SqlError, Value};

pub use database::{Connection, TestDatabase};
pub use stoa_postgres::is_selected as is_postgres;

type Answers = dyn Fn(&Call) -> Result<Reply, CallError> + Send + Sync;

/// An [`Outbound`] that returns the test's responses and records the calls.
pub struct FakeOutbound {
    answers: Box<Answers>,
    calls: Mutex<Vec<Call>>,
}

impl FakeOutbound {
    /// `answers` returns the response to each call.
    pub fn new(
        answers: impl Fn(&Call) -> Result<Reply, CallError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            answers: Box::new(answers),
            calls: Mutex::new(Vec::new()),
        }
    }

    /// An outbound for tests that expect no call. Each call fails.
    pub fn none() -> Self {
        Self::new(|call| {
            Err(CallError::NotSent(format!(
                "the test expects no call, but the service called {} {}",
                call.method, call.url
            )))
        })
    }

    /// The recorded calls as `METHOD url`, in order.
    pub fn sent(&self) -> Vec<String> {
        self.calls()
            .iter()
            .map(|c| format!("{} {}", c.method, c.url))
            .collect()
    }

    /// The recorded calls, in order.
    #[expect(
        clippy::expect_used,
        reason = "only a test that has already failed poisons the lock"
    )]
    pub fn calls(&self) -> Vec<Call> {
        self.calls
            .lock()
            .expect("another thread of the test panicked")
            .clone()
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

/// A database that counts the statements that it executes.
pub struct StatementCounter<D> {
    inner: D,
    count: Rc<Cell<usize>>,
}

impl<D: Database> StatementCounter<D> {
    /// Wraps `inner`; the count starts at 0.
    pub fn new(inner: D) -> Self {
        Self {
            inner,
            count: Rc::default(),
        }
    }

    /// The number of statements so far, including `BEGIN` and `COMMIT`. Later statements also change the returned cell.
    pub fn count(&self) -> Rc<Cell<usize>> {
        Rc::clone(&self.count)
    }
}

impl<D: Database> Database for StatementCounter<D> {
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError> {
        self.count.set(self.count.get() + 1);
        self.inner.execute(statement, params)
    }

    fn begin(&self, subject: &str) -> Result<(), SqlError> {
        self.count.set(self.count.get() + 1);
        self.inner.begin(subject)
    }
}

/// A response with a JSON body, for [`FakeOutbound`].
pub fn reply(status: u16, body: serde_json::Value) -> Result<Reply, CallError> {
    Ok(Reply {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers: http::HeaderMap::new(),
        body: body.to_string().into_bytes(),
    })
}

/// Creates a request to `service` with the given headers and a JSON body.
#[expect(clippy::expect_used, reason = "a malformed request must fail the test")]
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
        .expect("the request is malformed");
    Request::new(service, request)
}

/// A `POST` request to a service with the name `test`.
pub fn post(uri: &str, body: &str) -> Request {
    request("test", Method::POST, uri, &[], body)
}

/// Signs tokens like the `user` service, with a key that only tests know.
pub struct Issuer {
    kid: String,
    key: p256::ecdsa::SigningKey,
}

impl Issuer {
    /// Makes an issuer whose private key depends only on `seed`, which must not be 0. `kid` is the key's id.
    #[expect(
        clippy::expect_used,
        reason = "every number from 1 to 255 is a valid private key"
    )]
    pub fn new(kid: impl Into<String>, seed: u8) -> Self {
        let mut scalar = [0_u8; 32];
        scalar[31] = seed;
        let key = p256::ecdsa::SigningKey::from_bytes(&scalar.into())
            .expect("cannot make a signing key from the seed");
        Self {
            kid: kid.into(),
            key,
        }
    }

    /// The private key, in the format of the setting `jwt_private_key`.
    #[expect(
        clippy::expect_used,
        reason = "if the key cannot be encoded, the test must fail"
    )]
    pub fn pem(&self) -> String {
        use p256::pkcs8::EncodePrivateKey as _;
        let pem = self
            .key
            .to_pkcs8_pem(Default::default())
            .expect("cannot encode the signing key of the test");
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
    #[expect(
        clippy::expect_used,
        reason = "if the token cannot be signed, the test must fail"
    )]
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
            // The user's profile contains another telephone number, so a test detects whether an SMS used the number in the token
            // or in the profile.
            phone: Some("+430000".to_owned()),
        };
        let der = self
            .key
            .to_pkcs8_der()
            .expect("cannot encode the signing key of the test");
        let key = jsonwebtoken::EncodingKey::from_ec_der(der.as_bytes());
        crate::token::encode(&claims, &key, &self.kid).expect("cannot sign the token of the test")
    }
}
