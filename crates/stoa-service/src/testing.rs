//! What native tests of a service need: a real SQLite, and an [`Outbound`] that answers as the test says.

use std::path::PathBuf;
use std::sync::Mutex;

use http::{Method, StatusCode};
use rusqlite::types::{ToSqlOutput, Value as Native};

use crate::outbound::{Call, CallError, Outbound, Reply};
use crate::request::Request;
use crate::sql::{Database, Rows, SqlError, Value};

/// A SQLite file of its own in the temporary folder, removed when dropped.
pub struct Sqlite(PathBuf);

impl Sqlite {
    /// An empty database.
    #[expect(
        clippy::new_without_default,
        reason = "a new file is not a default value"
    )]
    pub fn new() -> Self {
        let name = format!("stoa-test-{}.db", uuid::Uuid::now_v7().simple());
        Self(std::env::temp_dir().join(name))
    }

    /// A connection, set up as the embedded runtime does it.
    pub fn connect(&self) -> Connection {
        Connection::open(&self.0)
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A connection to a SQLite file.
pub struct Connection(rusqlite::Connection);

impl Connection {
    /// Opens any SQLite file, as the embedded runtime does it.
    #[expect(
        clippy::expect_used,
        reason = "a test that has no database cannot go on"
    )]
    pub fn open(path: &std::path::Path) -> Self {
        let connection = rusqlite::Connection::open(path).expect("open the test's database");
        connection
            .busy_timeout(std::time::Duration::from_secs(20))
            .and_then(|()| connection.pragma_update(None, "journal_mode", "WAL"))
            .and_then(|()| connection.pragma_update(None, "foreign_keys", true))
            .expect("set up the test's database");
        Self(connection)
    }
}

struct Param<'a>(&'a Value);

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self.0 {
            Value::Null => Native::Null,
            Value::Integer(v) => Native::Integer(*v),
            Value::Text(v) => Native::Text(v.clone()),
        }))
    }
}

impl Database for Connection {
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError> {
        check_placeholders(statement, params.len())?;
        let error = |e: rusqlite::Error| SqlError::from_message(e.to_string());
        let mut prepared = self.0.prepare(statement).map_err(error)?;
        let columns = prepared.column_count();
        let mut cursor = prepared
            .query(rusqlite::params_from_iter(params.iter().map(Param)))
            .map_err(error)?;
        let mut rows = Vec::new();
        while let Some(row) = cursor.next().map_err(error)? {
            let mut values = Vec::with_capacity(columns);
            for index in 0..columns {
                values.push(match row.get::<_, Native>(index).map_err(error)? {
                    Native::Null => Value::Null,
                    Native::Integer(v) => Value::Integer(v),
                    Native::Text(v) => Value::Text(v),
                    other => {
                        return Err(SqlError::Other(format!("column {index} holds {other:?}")));
                    }
                });
            }
            rows.push(values);
        }
        Ok(Rows::new(statement, rows))
    }
}

/// SQLite numbers `$n` by first appearance, PostgreSQL by name: a statement must mean the same to both.
fn check_placeholders(statement: &str, params: usize) -> Result<(), SqlError> {
    let mut seen = 0;
    for part in statement.split('$').skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        let number: usize = digits
            .parse()
            .map_err(|_| SqlError::Other(format!("`{statement}`: $ without a number")))?;
        if number > seen + 1 {
            return Err(SqlError::Other(format!(
                "`{statement}`: ${number} appears before ${}",
                seen + 1
            )));
        }
        seen = seen.max(number);
    }
    if seen == params {
        Ok(())
    } else {
        Err(SqlError::Other(format!(
            "`{statement}` takes {seen} values, {params} were given"
        )))
    }
}

type Answers = dyn Fn(&Call) -> Result<Reply, CallError> + Send + Sync;

/// An [`Outbound`] that answers as the test says and remembers what it was asked.
pub struct FakeOutbound {
    answers: Box<Answers>,
    calls: Mutex<Vec<Call>>,
}

impl FakeOutbound {
    /// `answers` is asked for every call.
    pub fn new(
        answers: impl Fn(&Call) -> Result<Reply, CallError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            answers: Box::new(answers),
            calls: Mutex::new(Vec::new()),
        }
    }

    /// An outbound that nobody may use.
    pub fn none() -> Self {
        Self::new(|call| {
            Err(CallError::NotSent(format!(
                "{} {} was not expected",
                call.method, call.url
            )))
        })
    }

    /// What was sent, as `METHOD url`, in order.
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
    reason = "a test that cannot make its request cannot go on"
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

/// A signer of tokens as the user service is one, with a key of its own.
pub struct Issuer {
    kid: &'static str,
    key: p256::ecdsa::SigningKey,
}

impl Issuer {
    /// `seed` (not 0) makes the key: the same seed, the same key.
    #[expect(
        clippy::expect_used,
        reason = "a small number that is not 0 is a valid scalar"
    )]
    pub fn new(kid: &'static str, seed: u8) -> Self {
        let mut scalar = [0_u8; 32];
        scalar[31] = seed;
        let key = p256::ecdsa::SigningKey::from_bytes(&scalar.into()).expect("a valid key");
        Self { kid, key }
    }

    /// The private key, as the setting `jwt_private_key` takes it.
    #[expect(clippy::expect_used, reason = "a test that has no key cannot go on")]
    pub fn pem(&self) -> String {
        use p256::pkcs8::EncodePrivateKey as _;
        let pem = self
            .key
            .to_pkcs8_pem(Default::default())
            .expect("a key to write");
        pem.to_string()
    }

    /// The key set, as `GET /user/jwks` answers it.
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

    /// A token for `user` that is valid from now on for `seconds`, which may be negative.
    #[expect(clippy::expect_used, reason = "a test that has no token cannot go on")]
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
            phone: None,
        };
        let der = self.key.to_pkcs8_der().expect("a key to write");
        let key = jsonwebtoken::EncodingKey::from_ec_der(der.as_bytes());
        crate::token::encode(&claims, &key, self.kid).expect("a token")
    }
}
