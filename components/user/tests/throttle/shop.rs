//! The service `user` with a clock that the test controls, and with passwords that are fast to hash.

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
/// The IP address from which most attempts are sent.
pub(crate) const USUAL_ADDRESS: &str = "192.0.2.1";

/// The service under test, with its database, settings and clock.
pub(crate) struct Shop {
    database: TestDatabase,
    variables: BTreeMap<&'static str, String>,
    millis: Arc<AtomicI64>,
    verified_count: Arc<AtomicUsize>,
}

/// The response to a log-in.
#[derive(Debug, PartialEq)]
pub(crate) struct LoginResponse {
    pub(crate) status: u16,
    pub(crate) code: Value,
    pub(crate) retry_after: Option<i64>,
}

struct CountingPasswords(Arc<AtomicUsize>);

impl Passwords for CountingPasswords {
    fn hash(&self, password: &Password) -> Result<String, PasswordError> {
        Ok(format!("hash of {}", password.expose()))
    }

    fn verify(&self, password: &Password, hash: &str) -> Result<bool, PasswordError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(hash == format!("hash of {}", password.expose()))
    }
}

impl Shop {
    /// Creates a service with these settings and with Ann's account.
    pub(crate) fn new(variables: &[(&'static str, u32)]) -> Self {
        let database = TestDatabase::new();
        SCHEMA.ensure(&database.connect()).unwrap();
        let variables = variables.iter().map(|(name, n)| (*name, n.to_string()));
        let shop = Self {
            database,
            variables: variables.collect(),
            millis: Arc::new(AtomicI64::new(1_766_000_000_000)),
            verified_count: Arc::default(),
        };
        shop.register(ANN);
        shop
    }

    pub(crate) fn register(&self, email: &str) {
        let account = json!({"email": email, "password": RIGHT, "name": "Ann"});
        let request = request(
            App::NAME,
            Method::POST,
            "/user/register",
            &[],
            &account.to_string(),
        );
        let response = self.app().answer(request);
        assert_eq!(response.status(), 201);
    }

    fn app(&self) -> App {
        let millis = Arc::clone(&self.millis);
        App {
            config: Config::read(&|name| self.variables.get(name).cloned()).unwrap(),
            db: Box::new(self.database.connect()),
            passwords: Box::new(CountingPasswords(Arc::clone(&self.verified_count))),
            clock: Box::new(move || millis.load(Ordering::SeqCst)),
        }
    }

    pub(crate) fn log_in_with(
        &self,
        headers: &[(&str, &str)],
        email: &str,
        password: &str,
    ) -> LoginResponse {
        let body = json!({"email": email, "password": password}).to_string();
        self.post(headers, &body)
    }

    /// Sends `body`, valid or not, to `POST /user/login`.
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &str) -> LoginResponse {
        let request = request(App::NAME, Method::POST, "/user/login", headers, body);
        let response = self.app().answer(request);
        let document: Value = serde_json::from_slice(response.body()).unwrap();
        let retry_after = response.headers().get("retry-after");
        LoginResponse {
            status: response.status().as_u16(),
            code: document.get("code").cloned().unwrap_or_default(),
            retry_after: retry_after.map(|v| v.to_str().unwrap().parse().unwrap()),
        }
    }

    pub(crate) fn log_in(&self, address: &str, email: &str, password: &str) -> LoginResponse {
        let connection = if address.contains(':') {
            format!("[{address}]:50123")
        } else {
            format!("{address}:50123")
        };
        self.log_in_with(&[("spin-client-addr", &connection)], email, password)
    }

    /// Sends `times` wrong passwords. Expects that the service checks and rejects every password.
    pub(crate) fn fail_log_ins(&self, times: usize, address: &str, email: &str) {
        for n in 0..times {
            let response = self.log_in(address, email, WRONG);
            assert_eq!(response.status, 401, "{address} {email} {n}: {response:?}");
        }
    }

    /// Sends a log-in and expects the status 429. Returns the seconds to wait.
    pub(crate) fn expect_wait(&self, address: &str, email: &str, password: &str) -> i64 {
        let response = self.log_in(address, email, password);
        assert_eq!(
            (response.status, &response.code),
            (429, &json!("too_many_attempts")),
            "{response:?}"
        );
        response.retry_after.unwrap()
    }

    /// Logs in with the right password, and expects success.
    pub(crate) fn log_in_successfully(&self, address: &str, email: &str) {
        let response = self.log_in(address, email, RIGHT);
        assert_eq!(response.status, 200, "{address} {email}: {response:?}");
    }

    pub(crate) fn advance_clock(&self, seconds: i64) {
        self.millis.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Returns the number of passwords that the service has checked.
    pub(crate) fn verified_count(&self) -> usize {
        self.verified_count.load(Ordering::SeqCst)
    }

    pub(crate) fn rows(&self, table: &str) -> i64 {
        let db = self.database.connect();
        let statement = format!("SELECT COUNT(*) FROM {table}");
        let rows = db.execute(&statement, &[]).unwrap();
        rows.first().unwrap().get(0).unwrap()
    }
}
