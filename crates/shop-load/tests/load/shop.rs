//! A simulated shop: the interface of the real one in one process, with faults of the test's choice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use shop_load::{NoAnswer, Transport};

use crate::state::{State, problem};

/// The fate of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fate {
    Answer,
    /// A problem document, without effect.
    Problem(u16, &'static str),
    /// 503 about an order that was created and cancelled: its key is free again.
    Cancelled,
    /// It takes effect, and its answer is lost.
    Lost,
}

/// A request, for the closures that decide its fate.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) what: String,
    /// Number of earlier requests of the same kind.
    pub(crate) nth: usize,
    pub(crate) key: Option<String>,
}

type Decide = dyn Fn(&Seen) -> Fate + Send + Sync;
type Twist = dyn Fn(&Seen, &mut Value) + Send + Sync;
type Delay = dyn Fn(&Seen) -> Duration + Send + Sync;

/// The requests of a shop.
#[derive(Default)]
struct Requests {
    counts: HashMap<String, usize>,
    log: Vec<Seen>,
}

/// The shop; clones are the same one.
#[derive(Clone)]
pub(crate) struct Shop(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    requests: Mutex<Requests>,
    decide: Box<Decide>,
    twist: Box<Twist>,
    delay: Box<Delay>,
}

/// The faults of a shop.
pub(crate) struct Build {
    pub(crate) decide: Box<Decide>,
    pub(crate) twist: Box<Twist>,
    pub(crate) delay: Box<Delay>,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            decide: Box::new(|_| Fate::Answer),
            twist: Box::new(|_, _| {}),
            delay: Box::new(|_| Duration::from_millis(10)),
        }
    }
}

impl Build {
    pub(crate) fn shop(self) -> Shop {
        Shop(Arc::new(Inner {
            state: Mutex::default(),
            requests: Mutex::default(),
            decide: self.decide,
            twist: self.twist,
            delay: self.delay,
        }))
    }
}

impl Shop {
    /// All requests, oldest first.
    pub(crate) fn log(&self) -> Vec<Seen> {
        self.0.requests.lock().unwrap().log.clone()
    }

    /// Number of requests of this kind.
    pub(crate) fn count(&self, what: &str) -> u64 {
        self.log().iter().filter(|seen| seen.what == what).count() as u64
    }

    /// The confirmed orders, from the shop's own records.
    pub(crate) fn confirmed(&self) -> Vec<Value> {
        let state = self.0.state.lock().unwrap();
        let confirmed = state.orders.values().filter(|o| o["status"] == "confirmed");
        confirmed.cloned().collect()
    }

    /// The answer to a request, after its delay.
    pub(crate) async fn answer(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let (seen, fate) = self.count_request(&request);
        tokio::time::sleep((self.0.delay)(&seen)).await;
        let (status, mut body) = match fate {
            Fate::Problem(status, code) => problem(status, code, None),
            Fate::Cancelled => self.0.state.lock().unwrap().cancelled(),
            Fate::Answer | Fate::Lost => self.0.state.lock().unwrap().handle(&request),
        };
        if fate == Fate::Lost {
            return Err(NoAnswer::Reset("lost".to_owned()));
        }
        if status < 300 {
            (self.0.twist)(&seen, &mut body);
        }
        let body = match status {
            204 => Bytes::new(),
            _ => body.to_string().into(),
        };
        let response = Response::builder()
            .status(status)
            .header("x-request-id", format!("r-{}", seen.nth))
            .header("x-shop-version", "v1")
            .header("set-cookie", "shop-session=42; Path=/; HttpOnly")
            .body(body);
        Ok(response.unwrap())
    }

    fn count_request(&self, request: &Request<Bytes>) -> (Seen, Fate) {
        let path = request.uri().path();
        let first = path.split('/').nth(1).unwrap();
        let deeper = if path.matches('/').count() > 1 {
            "/.."
        } else {
            ""
        };
        let what = match path {
            "/user/register" | "/user/login" => path.to_owned(),
            _ => format!("{} /{first}{deeper}", request.method()),
        };
        let mut requests = self.0.requests.lock().unwrap();
        let nth = requests.counts.entry(what.clone()).or_default();
        let key = request.headers().get("idempotency-key");
        let seen = Seen {
            what,
            nth: *nth,
            key: key.map(|key| key.to_str().unwrap().to_owned()),
        };
        *nth += 1;
        requests.log.push(seen.clone());
        drop(requests);
        let fate = (self.0.decide)(&seen);
        (seen, fate)
    }
}

impl Transport for Shop {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        self.answer(request).await
    }
}
