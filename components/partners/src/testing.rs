//! The third parties for the native tests of another service. The service's calls go directly to the routes of this component, with
//! a real database. Each call has a [`Fate`], which decides whether the request or the response is lost.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an unexpected value must fail the test"
)]

mod checked_database;
mod fate;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::Value;
use stoa_service::outbound::{Call, CallError, Outbound, Reply};
use stoa_service::testing::request;
use stoa_service::{Request, Service};

pub use checked_database::{CheckedConnection, CheckedDatabase};
pub use fate::{FATES, Fate, Gate};

use crate::app::App;
use crate::config::Config;
use crate::store::SCHEMA;

/// The base URL of every third party in a test.
pub const URL: &str = "http://partners.test";
/// The key with which the carrier signs its reports in a test.
pub const SECRET: &str = "a secret of the tests";

type Receiver = dyn Fn(&Call) -> Result<Reply, CallError> + Send + Sync;

/// The third parties, with a database of their own, and with the fates of the next calls to them.
#[derive(Clone)]
pub struct SimulatedPartners {
    database: CheckedDatabase,
    fates: Arc<Mutex<VecDeque<Fate>>>,
    receiver: Arc<Receiver>,
}

impl SimulatedPartners {
    /// Creates the third parties. The carrier sends each of its reports to `receiver`.
    pub fn new(
        receiver: impl Fn(&Call) -> Result<Reply, CallError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            database: CheckedDatabase::new(&SCHEMA),
            fates: Arc::default(),
            receiver: Arc::new(receiver),
        }
    }

    /// Sets the fates of the next requests to the third parties, in order. Later requests are answered normally. Returns the number
    /// of unused fates from the previous call of this function.
    pub fn fates(&self, fates: impl IntoIterator<Item = Fate>) -> u32 {
        let mut next = self.fates.lock().unwrap();
        let unused = next.len();
        *next = fates.into_iter().collect();
        unused.try_into().unwrap()
    }

    /// Runs `scenario` with every combination of fates for its first three calls to the third parties. After each run, passes the
    /// result to `check`. The calls that `check` makes are answered normally.
    pub fn with_every_fate<T>(&self, mut scenario: impl FnMut() -> T, mut check: impl FnMut(T)) {
        let mut number = 0;
        while number < FATES.len().pow(3) {
            let fate = |digit: u32| FATES[number / FATES.len().pow(digit) % FATES.len()].clone();
            self.fates([fate(2), fate(1), fate(0)]);
            let outcome = scenario();
            // A fate that no call used makes no difference. Combinations that differ only in unused fates are therefore skipped.
            let skipped = FATES.len().pow(self.fates([]));
            check(outcome);
            number = (number / skipped + 1) * skipped;
        }
    }

    /// Applies the next fate to a call of the service under test.
    pub fn answer(&self, call: &Call) -> Result<Reply, CallError> {
        let fate = self.fates.lock().unwrap().pop_front();
        fate.unwrap_or(Fate::Answered).apply(|| self.serve(call))
    }

    /// Makes a call to a third party for the test itself. No fate applies, so the call is always answered.
    pub fn call_without_fate(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let context = request("test", Method::GET, "/", &[], "");
        let call = Call::new(context.context(), method, URL, path)
            .idempotency_key(&uuid::Uuid::now_v7().to_string())
            .json(body);
        let reply = self.serve(&call);
        let body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        (reply.status.as_u16(), body)
    }

    fn serve(&self, call: &Call) -> Reply {
        let app = App {
            config: Config {
                webhook_url: "http://shop.test".to_owned(),
                carrier_secret: SECRET.to_owned(),
            },
            db: Box::new(self.database.open()),
            outbound: Box::new(ReportSender(self.receiver.clone())),
        };
        dispatch(&app, call)
    }
}

struct ReportSender(Arc<Receiver>);

impl Outbound for ReportSender {
    fn send(&self, call: Call) -> Result<Reply, CallError> {
        (self.0)(&call)
    }
}

/// Serves `call` with the routes of `app`, and returns the response.
pub fn dispatch<A: Service>(app: &A, call: &Call) -> Reply {
    let mut request = http::Request::new(call.body.clone());
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = call.url.parse().unwrap();
    *request.headers_mut() = call.headers.clone();
    let response = app.answer(Request::new(A::NAME, request));
    let (parts, body) = response.into_parts();
    Reply {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}
