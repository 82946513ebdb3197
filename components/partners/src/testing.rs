//! The third parties on the stage of a native test: another service's calls go straight into the routes, over a real
//! SQLite, and each call has a [`Fate`].
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test whose stage breaks cannot go on"
)]

use std::collections::{BTreeSet, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use stoa_service::outbound::{Call, CallError, Outbound, Reply};
use stoa_service::{Request, Service};

use stoa_service::sql::{Database, Rows, Schema, SqlError, Value as SqlValue};
use stoa_service::testing::{Connection, TestDatabase, is_postgres, reply, request};

use crate::config::Config;
use crate::http::App;
use crate::store::SCHEMA;

/// The base URL of every third party on the stage.
pub const URL: &str = "http://partners.test";
/// What the carrier on the stage signs with.
pub const SECRET: &str = "a secret of the stage";

/// What becomes of one call.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It is done and the answer comes.
    Answered,
    /// It never left.
    NotSent,
    /// It got lost on its way there.
    LostBefore,
    /// It was done and the answer got lost.
    LostAfter,
    /// Something on the way answered 503.
    FailedBefore,
    /// It was done, and then something answered 503.
    FailedAfter,
    /// The caller died before the call got there.
    DiedBefore,
    /// It was done, and the caller died before the answer came.
    DiedAfter,
    /// It waits at the gate, then is done.
    HeldBefore(Arc<Gate>),
    /// It is done, and its answer waits at the gate.
    HeldAfter(Arc<Gate>),
}

/// All fates that need no gate.
pub const FATES: [Fate; 8] = [
    Fate::Answered,
    Fate::NotSent,
    Fate::LostBefore,
    Fate::LostAfter,
    Fate::FailedBefore,
    Fate::FailedAfter,
    Fate::DiedBefore,
    Fate::DiedAfter,
];

impl Fate {
    fn befall(self, work: impl FnOnce() -> Reply) -> Result<Reply, CallError> {
        let lost = || Err(CallError::Lost("the line is cut".to_owned()));
        match self {
            Fate::Answered => Ok(work()),
            Fate::NotSent => Err(CallError::NotSent("nobody is there".to_owned())),
            Fate::LostBefore => lost(),
            Fate::LostAfter => {
                work();
                lost()
            }
            Fate::FailedBefore => reply(503, json!({})),
            Fate::FailedAfter => {
                work();
                reply(503, json!({}))
            }
            // Unwinds without the words of a panic; whoever plays the host catches it.
            Fate::DiedBefore => resume_unwind(Box::new("died")),
            Fate::DiedAfter => {
                work();
                resume_unwind(Box::new("died"))
            }
            Fate::HeldBefore(gate) => {
                gate.pass();
                Ok(work())
            }
            Fate::HeldAfter(gate) => {
                let reply = work();
                gate.pass();
                Ok(reply)
            }
        }
    }
}

/// Where a call is held until the test lets it go.
#[derive(Debug, Default)]
pub struct Gate(Mutex<(bool, bool)>, Condvar);

impl Gate {
    fn pass(&self) {
        self.0.lock().unwrap().0 = true;
        self.1.notify_all();
        let state = self.0.lock().unwrap();
        drop(self.1.wait_while(state, |(_, open)| !*open).unwrap());
    }

    /// Waits until a call stands at the gate, which opens at the latest when what this gives is dropped: a test that
    /// fails meanwhile ends.
    pub fn wait_for_a_call(&self) -> impl Drop + '_ {
        let state = self.0.lock().unwrap();
        let (state, waited) = self
            .1
            .wait_timeout_while(state, Duration::from_secs(60), |(came, _)| !*came)
            .unwrap();
        drop(state);
        assert!(!waited.timed_out(), "no call came to the gate");
        Opening(self)
    }

    fn open(&self) {
        self.0.lock().unwrap().1 = true;
        self.1.notify_all();
    }
}

struct Opening<'a>(&'a Gate);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

type Receiver = dyn Fn(&Call) -> Result<Reply, CallError> + Send + Sync;

/// The third parties, with books of their own.
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

    /// The fates of the next calls, in order; those after them are answered. Gives how many were left of before.
    pub fn fates(&self, fates: impl IntoIterator<Item = Fate>) -> u32 {
        let mut next = self.fates.lock().unwrap();
        let left = next.len();
        *next = fates.into_iter().collect();
        left.try_into().unwrap()
    }

    /// Tells `story` with every fate of its first three calls, then has it checked with nothing in the way.
    pub fn with_every_fate<T>(&self, mut story: impl FnMut() -> T, mut check: impl FnMut(T)) {
        let mut number = 0;
        while number < FATES.len().pow(3) {
            let fate = |turn: u32| FATES[number / FATES.len().pow(turn) % FATES.len()].clone();
            self.fates([fate(2), fate(1), fate(0)]);
            let told = story();
            // A fate that no call met makes no difference: the next story differs in one that did.
            let met = FATES.len().pow(self.fates([]));
            check(told);
            number = (number / met + 1) * met;
        }
    }

    /// A call of the service under test meets its fate.
    pub fn answer(&self, call: &Call) -> Result<Reply, CallError> {
        let fate = self.fates.lock().unwrap().pop_front();
        fate.unwrap_or(Fate::Answered).befall(|| self.play(call))
    }

    /// Asks a third party as the test; this has no fate.
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

/// `call` as a request to another service.
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

/// A database whose connections are used again, so that thousands of stories can be told over it. A statement that
/// would read a whole table ends the test.
#[derive(Clone)]
pub struct Books(Arc<Shelf>);

struct Shelf {
    kept: Mutex<Vec<Connection>>,
    explained: Mutex<BTreeSet<String>>,
    database: TestDatabase,
}

impl Books {
    /// Empty books.
    pub fn new(schema: &Schema) -> Self {
        let books = Self(Arc::new(Shelf {
            kept: Mutex::default(),
            explained: Mutex::default(),
            database: TestDatabase::new(),
        }));
        schema.ensure(&books.0.database.connect()).unwrap();
        books
    }

    /// A connection for a request.
    pub fn open(&self) -> Lent {
        let kept = self.0.kept.lock().unwrap().pop();
        let connection = kept.unwrap_or_else(|| self.0.database.connect());
        Lent(Some(connection), self.clone())
    }

    /// Runs a statement of the test's own, which may read what it likes.
    pub fn run<'s>(&self, statement: &'s str) -> Rows<'s> {
        let lent = self.open();
        lent.connection().execute(statement, &[]).unwrap()
    }
}

/// A connection, given back when it is dropped.
pub struct Lent(Option<Connection>, Books);

impl Lent {
    fn connection(&self) -> &Connection {
        self.0.as_ref().unwrap()
    }

    fn explain(&self, statement: &str, params: &[SqlValue]) {
        let verb = statement.split_whitespace().next().unwrap_or_default();
        // The size of an outbox or a queue is asked by the operator's passes, and such a table is nearly empty.
        // PostgreSQL plans by what is in a table, and these are small.
        if is_postgres()
            || !["SELECT", "UPDATE", "DELETE"].contains(&verb)
            || statement.contains("COUNT(*)")
        {
            return;
        }
        if !self
            .1
            .0
            .explained
            .lock()
            .unwrap()
            .insert(statement.to_owned())
        {
            return;
        }
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let plan = self.connection().execute(&explain, params);
        for row in plan.unwrap().iter() {
            let step: String = row.get(3).unwrap();
            assert!(!step.starts_with("SCAN"), "{statement}: {step}");
            assert!(!step.contains("TEMP B-TREE"), "{statement}: {step}");
        }
    }
}

impl Database for Lent {
    fn execute<'s>(&self, statement: &'s str, params: &[SqlValue]) -> Result<Rows<'s>, SqlError> {
        self.explain(statement, params);
        self.connection().execute(statement, params)
    }

    fn begin(&self, subject: &str) -> Result<(), SqlError> {
        self.connection().begin(subject)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // What died may have left a transaction open, which ends with the connection.
        if !std::thread::panicking() {
            self.1.0.kept.lock().unwrap().extend(self.0.take());
        }
    }
}
