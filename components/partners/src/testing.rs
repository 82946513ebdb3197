//! The third parties in a native test: another service's calls go directly to their routes, over a real
//! SQLite, and each call has a [`Fate`].
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test whose stage breaks cannot continue"
)]

mod books;
mod fate;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::Value;
use stoa_service::outbound::{Call, CallError, Outbound, Reply};
use stoa_service::testing::request;
use stoa_service::{Request, Service};

pub use books::{Books, Lent};
pub use fate::{FATES, Fate, Gate};

use crate::app::App;
use crate::config::Config;
use crate::store::SCHEMA;

/// The base URL of every third party in a test.
pub const URL: &str = "http://partners.test";
/// The carrier's key in a test.
pub const SECRET: &str = "a secret of the stage";

type Receiver = dyn Fn(&Call) -> Result<Reply, CallError> + Send + Sync;

/// The third parties, with their own books.
#[derive(Clone)]
pub struct Stage {
    books: Books,
    fates: Arc<Mutex<VecDeque<Fate>>>,
    receiver: Arc<Receiver>,
}

impl Stage {
    /// `receiver` gets the carrier's reports.
    pub fn new(
        receiver: impl Fn(&Call) -> Result<Reply, CallError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            books: Books::new(&SCHEMA),
            fates: Arc::default(),
            receiver: Arc::new(receiver),
        }
    }

    /// Sets the fates of the next calls, in order; later calls get responses. Returns the number of fates that were still unused.
    pub fn fates(&self, fates: impl IntoIterator<Item = Fate>) -> u32 {
        let mut next = self.fates.lock().unwrap();
        let left = next.len();
        *next = fates.into_iter().collect();
        left.try_into().unwrap()
    }

    /// Runs `story` with every combination of fates of its first three calls, and `check` after each, without fates.
    pub fn with_every_fate<T>(&self, mut story: impl FnMut() -> T, mut check: impl FnMut(T)) {
        let mut number = 0;
        while number < FATES.len().pow(3) {
            let fate = |turn: u32| FATES[number / FATES.len().pow(turn) % FATES.len()].clone();
            self.fates([fate(2), fate(1), fate(0)]);
            let outcome = story();
            // An unused fate makes no difference: the next combination differs in a fate that was used.
            let met = FATES.len().pow(self.fates([]));
            check(outcome);
            number = (number / met + 1) * met;
        }
    }

    /// Applies the next fate to a call of the service under test.
    pub fn answer(&self, call: &Call) -> Result<Reply, CallError> {
        let fate = self.fates.lock().unwrap().pop_front();
        fate.unwrap_or(Fate::Answered).befall(|| self.play(call))
    }

    /// Calls a third party on behalf of the test; this call has no fate.
    pub fn ask(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let context = request("test", Method::GET, "/", &[], "");
        let call = Call::new(context.context(), method, URL, path)
            .idempotency_key(&uuid::Uuid::now_v7().to_string())
            .json(body);
        let reply = self.play(&call);
        let body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        (reply.status.as_u16(), body)
    }

    fn play(&self, call: &Call) -> Reply {
        let app = App {
            config: Config {
                webhook_url: "http://shop.test".to_owned(),
                carrier_secret: SECRET.to_owned(),
            },
            db: Box::new(self.books.open()),
            outbound: Box::new(Reports(self.receiver.clone())),
        };
        dispatch(&app, call)
    }
}

struct Reports(Arc<Receiver>);

impl Outbound for Reports {
    fn send(&self, call: Call) -> Result<Reply, CallError> {
        (self.0)(&call)
    }
}

/// Serves `call` as a request to `app`.
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
