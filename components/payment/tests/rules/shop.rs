//! The service over a real SQLite, its outbound calls dispatched into `partners` over another. Each call to the card
//! processor has a fate.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex};

use http::Method;
use payment::config::Config;
use payment::domain::Payment;
use payment::http::{App, ROUTES, SERVICE};
use payment::store::{self, SCHEMA};
use serde_json::{Value, json};
use stoa_service::outbound::{Call, CallError, Reply};
use stoa_service::route;
use stoa_service::sql::{Database, Rows, Schema, SqlError, Value as SqlValue};
use stoa_service::testing::{Connection, FakeOutbound, Sqlite, reply, request};
use uuid::Uuid;

/// What becomes of one call to the processor.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
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
    /// The service died before the call got there.
    DiedBefore,
    /// It was done, and the service died before the answer came.
    DiedAfter,
    /// It waits at the gate, then is done.
    HeldBefore(Arc<Gate>),
    /// It is done, and its answer waits at the gate.
    HeldAfter(Arc<Gate>),
}

/// Where a call is held until the test lets it go.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<(bool, bool)>, Condvar);

impl Gate {
    fn pass(&self) {
        self.0.lock().unwrap().0 = true;
        self.1.notify_all();
        let state = self.0.lock().unwrap();
        drop(self.1.wait_while(state, |(_, open)| !*open).unwrap());
    }

    /// Waits until a call stands at the gate.
    pub(crate) fn wait_for_a_call(&self) {
        let state = self.0.lock().unwrap();
        drop(self.1.wait_while(state, |(came, _)| !*came).unwrap());
    }

    pub(crate) fn open(&self) {
        self.0.lock().unwrap().1 = true;
        self.1.notify_all();
    }
}

pub(crate) struct Shop {
    payment: Books,
    partners: Books,
    fates: Arc<Mutex<VecDeque<Fate>>>,
    pub(crate) outbound: Arc<FakeOutbound>,
}

/// An answer; `None` where the service died.
pub(crate) type Outcome = Option<(u16, Value)>;

impl Shop {
    pub(crate) fn new() -> Self {
        let (payment, partners) = (Books::new(&SCHEMA), Books::new(&partners::store::SCHEMA));
        let fates = Arc::new(Mutex::new(VecDeque::new()));
        let outbound = FakeOutbound::new({
            let (partners, fates) = (partners.clone(), fates.clone());
            move |call| {
                let fate = fates.lock().unwrap().pop_front();
                suffer(fate.unwrap_or(Fate::Answered), || dispatch(&partners, call))
            }
        });
        Self {
            payment,
            partners,
            fates,
            outbound: Arc::new(outbound),
        }
    }

    /// The next calls to the processor, in order; those after them are answered. Gives how many were left of before.
    pub(crate) fn fates(&self, fates: impl IntoIterator<Item = Fate>) -> u32 {
        let mut next = self.fates.lock().unwrap();
        let left = next.len();
        *next = fates.into_iter().collect();
        left.try_into().unwrap()
    }

    pub(crate) fn try_call(&self, method: Method, uri: &str, key: &str, body: &Value) -> Outcome {
        let app = App {
            config: Config::read(&|_| Some("http://partners.test".to_owned())).unwrap(),
            db: Box::new(self.payment.open()),
            outbound: Box::new(self.outbound.clone()),
        };
        let headers = [("idempotency-key", key)];
        let request = request(SERVICE, method, uri, &headers, &body.to_string());
        let response =
            catch_unwind(AssertUnwindSafe(|| route::dispatch(ROUTES, &app, request))).ok()?;
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        Some((response.status().as_u16(), body))
    }

    pub(crate) fn call(&self, method: Method, uri: &str, key: &str, body: &Value) -> (u16, Value) {
        self.try_call(method, uri, key, body)
            .expect("the service lives")
    }

    pub(crate) fn pay(&self, order: Uuid, key: &str, token: &str) -> Outcome {
        let amount = json!({"amount": 1999, "currency": "EUR"});
        let body =
            json!({"order_id": order, "amount": amount, "method": "card", "card_token": token});
        self.try_call(Method::POST, "/payments", key, &body)
    }

    pub(crate) fn refund(&self, payment: Uuid) -> Outcome {
        let uri = format!("/payments/{payment}/refund");
        self.try_call(Method::POST, &uri, "", &Value::Null)
    }

    pub(crate) fn look(&self, payment: Uuid) -> Outcome {
        self.try_call(
            Method::GET,
            &format!("/payments/{payment}"),
            "",
            &Value::Null,
        )
    }

    /// The lease of a request that died is over.
    pub(crate) fn expire_claims(&self) {
        self.payment
            .open()
            .execute(
                "UPDATE payment_idempotency SET claimed_until = 0 WHERE status IS NULL",
                &[],
            )
            .unwrap();
    }

    /// The payment as it is stored.
    pub(crate) fn stored(&self, order: Uuid) -> Option<Payment> {
        store::of_order(&self.payment.open(), order).unwrap()
    }

    /// What the processor's ledger says of a payment.
    pub(crate) fn ledger(&self, payment: Uuid) -> Vec<String> {
        let entries = self.partners(
            Method::GET,
            &format!("/processor/ledger?reference={payment}"),
            &Value::Null,
        );
        let items = entries["items"].as_array().unwrap();
        items
            .iter()
            .map(|entry| entry["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A request to the third parties that has no fate.
    pub(crate) fn partners(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = request("test", method.clone(), "/", &[], "");
        let call = Call::new(request.context(), method, "http://partners.test", path).json(body);
        let reply = dispatch(&self.partners, &call);
        assert!(reply.status.is_success(), "{reply:?}");
        serde_json::from_slice(&reply.body).unwrap_or(Value::Null)
    }
}

/// A database whose connections are used again: thousands of stories are told over it.
#[derive(Clone)]
struct Books(Arc<(Mutex<Vec<Connection>>, Sqlite)>);

impl Books {
    fn new(schema: &Schema) -> Self {
        let books = Self(Arc::new((Mutex::default(), Sqlite::new())));
        schema.ensure(&books.open()).unwrap();
        books
    }

    fn open(&self) -> Lent {
        let kept = self.0.0.lock().unwrap().pop();
        let connection = kept.unwrap_or_else(|| {
            let connection = self.0.1.connect();
            // No power cut is tested here, so no write waits for the disk.
            connection.execute("PRAGMA synchronous = OFF", &[]).unwrap();
            connection
        });
        Lent(Some(connection), self.clone())
    }
}

struct Lent(Option<Connection>, Books);

impl Database for Lent {
    fn execute(&self, statement: &str, params: &[SqlValue]) -> Result<Rows, SqlError> {
        self.0.as_ref().unwrap().execute(statement, params)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // What died may have left a transaction open, which ends with the connection.
        if !std::thread::panicking() {
            self.1.0.0.lock().unwrap().extend(self.0.take());
        }
    }
}

fn suffer(fate: Fate, work: impl FnOnce() -> Reply) -> Result<Reply, CallError> {
    let lost = || Err(CallError::Lost("the line is cut".to_owned()));
    match fate {
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

/// The call as a request to `partners`.
fn dispatch(books: &Books, call: &Call) -> Reply {
    let app = partners::http::App {
        config: partners::config::Config {
            webhook_url: "http://nobody.test".to_owned(),
            carrier_secret: "secret".to_owned(),
        },
        db: Box::new(books.open()),
        outbound: Box::new(FakeOutbound::none()),
    };
    let mut request = http::Request::new(call.body.clone());
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = call.url.parse().unwrap();
    *request.headers_mut() = call.headers.clone();
    let request = stoa_service::Request::new(partners::http::SERVICE, request);
    let (parts, body) = route::dispatch(partners::http::ROUTES, &app, request).into_parts();
    Reply {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}
