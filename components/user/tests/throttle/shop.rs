//! A service with the test's own clock and passwords that cost nothing to hash.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use http::Method;
use serde_json::{Value, json};
use stoa_service::Service;
use stoa_service::sql::Database as _;
use stoa_service::testing::{TestDatabase, request};
use user::app::App;
use user::config::Config;
use user::password::{Password, PasswordError, Passwords};
use user::store::SCHEMA;

pub(crate) const ANN: &str = "ann@example.com";
pub(crate) const RIGHT: &str = "correct horse";
pub(crate) const WRONG: &str = "battery staple";
/// The address of most attempts.
pub(crate) const HERE: &str = "192.0.2.1";

/// The service.
pub(crate) struct Shop {
    database: TestDatabase,
    variables: BTreeMap<&'static str, String>,
    millis: Arc<AtomicI64>,
    hashed: Arc<AtomicUsize>,
}

/// The response to a log-in.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) code: Value,
    pub(crate) retry_after: Option<i64>,
}

struct Counted(Arc<AtomicUsize>);

impl Passwords for Counted {
    fn hash(&self, password: &Password) -> Result<String, PasswordError> {
        Ok(format!("hash of {}", password.expose()))
    }

    fn verify(&self, password: &Password, hash: &str) -> Result<bool, PasswordError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(hash == format!("hash of {}", password.expose()))
    }
}

impl Shop {
    /// With Ann's account, and these settings.
    pub(crate) fn new(variables: &[(&'static str, u32)]) -> Self {
        let database = TestDatabase::new();
        SCHEMA.ensure(&database.connect()).unwrap();
        let variables = variables.iter().map(|(name, n)| (*name, n.to_string()));
        let shop = Self {
            database,
            variables: variables.collect(),
            millis: Arc::new(AtomicI64::new(1_766_000_000_000)),
            hashed: Arc::default(),
        };
        shop.register(ANN);
        shop
    }

    pub(crate) fn register(&self, email: &str) {
        let account = json!({"email": email, "password": RIGHT, "name": "Ann"});
        let asked = request(
            App::NAME,
            Method::POST,
            "/user/register",
            &[],
            &account.to_string(),
        );
        let response = self.app().answer(asked);
        assert_eq!(response.status(), 201);
    }

    fn app(&self) -> App {
        let millis = Arc::clone(&self.millis);
        App {
            config: Config::read(&|name| self.variables.get(name).cloned()).unwrap(),
            db: Box::new(self.database.connect()),
            passwords: Box::new(Counted(Arc::clone(&self.hashed))),
            clock: Box::new(move || millis.load(Ordering::SeqCst)),
        }
    }

    pub(crate) fn log_in_with(
        &self,
        headers: &[(&str, &str)],
        email: &str,
        password: &str,
    ) -> Seen {
        let body = json!({"email": email, "password": password}).to_string();
        self.post(headers, &body)
    }

    /// Sends any body.
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &str) -> Seen {
        let asked = request(App::NAME, Method::POST, "/user/login", headers, body);
        let response = self.app().answer(asked);
        let document: Value = serde_json::from_slice(response.body()).unwrap();
        let retry_after = response.headers().get("retry-after");
        Seen {
            status: response.status().as_u16(),
            code: document.get("code").cloned().unwrap_or_default(),
            retry_after: retry_after.map(|v| v.to_str().unwrap().parse().unwrap()),
        }
    }

    pub(crate) fn log_in(&self, address: &str, email: &str, password: &str) -> Seen {
        let connection = if address.contains(':') {
            format!("[{address}]:50123")
        } else {
            format!("{address}:50123")
        };
        self.log_in_with(&[("spin-client-addr", &connection)], email, password)
    }

    /// Sends `times` wrong passwords; the service checks each of them.
    pub(crate) fn fail(&self, times: usize, address: &str, email: &str) {
        for n in 0..times {
            let seen = self.log_in(address, email, WRONG);
            assert_eq!(seen.status, 401, "{address} {email} {n}: {seen:?}");
        }
    }

    /// Expects 429; returns the seconds to wait.
    pub(crate) fn must_wait(&self, address: &str, email: &str, password: &str) -> i64 {
        let seen = self.log_in(address, email, password);
        assert_eq!(
            (seen.status, &seen.code),
            (429, &json!("too_many_attempts")),
            "{seen:?}"
        );
        seen.retry_after.unwrap()
    }

    /// Logs in.
    pub(crate) fn welcome(&self, address: &str, email: &str) {
        let seen = self.log_in(address, email, RIGHT);
        assert_eq!(seen.status, 200, "{address} {email}: {seen:?}");
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.millis.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Number of passwords that the service checked.
    pub(crate) fn hashed(&self) -> usize {
        self.hashed.load(Ordering::SeqCst)
    }

    pub(crate) fn rows(&self, table: &str) -> i64 {
        let db = self.database.connect();
        let statement = format!("SELECT COUNT(*) FROM {table}");
        let rows = db.execute(&statement, &[]).unwrap();
        rows.first().unwrap().get(0).unwrap()
    }
}
