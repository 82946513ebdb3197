//! A simulated shop in one process. It has the interface of the real shop, and fails as a test requires.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use shop_load::{NoAnswer, Transport};

use crate::state::{State, problem};

/// The reaction of the shop to a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reaction {
    /// Handles the request, and responds.
    Respond,
    /// Responds with a problem document that has this status and code, without any other effect.
    Problem(u16, &'static str),
    /// Creates and cancels an order, and responds with 503. The cancellation frees the order's key.
    Cancel,
    /// Handles the request, and loses the response.
    LoseResponse,
}

/// A request that the shop received. The closures of [`ShopFaults`] select the reaction by this data.
#[derive(Debug, Clone)]
pub(crate) struct ReceivedRequest {
    /// The method and the shortened path, such as `GET /product/..`.
    pub(crate) endpoint: String,
    /// Number of earlier requests to the same endpoint.
    pub(crate) nth: usize,
    /// The `Idempotency-Key`.
    pub(crate) key: Option<String>,
}

type Decide = dyn Fn(&ReceivedRequest) -> Reaction + Send + Sync;
type AlterBody = dyn Fn(&ReceivedRequest, &mut Value) + Send + Sync;
type Delay = dyn Fn(&ReceivedRequest) -> Duration + Send + Sync;

/// The requests that the shop received.
#[derive(Default)]
struct Requests {
    counts: HashMap<String, usize>,
    log: Vec<ReceivedRequest>,
}

/// The simulated shop. All clones are the same shop.
#[derive(Clone)]
pub(crate) struct Shop(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    requests: Mutex<Requests>,
    decide: Box<Decide>,
    alter_body: Box<AlterBody>,
    delay: Box<Delay>,
}

/// How a simulated shop fails: its reactions, changed bodies and delays.
pub(crate) struct ShopFaults {
    /// Selects the reaction to a request.
    pub(crate) decide: Box<Decide>,
    /// Changes the body of a successful response.
    pub(crate) alter_body: Box<AlterBody>,
    /// Time from the request to the response.
    pub(crate) delay: Box<Delay>,
}

impl Default for ShopFaults {
    fn default() -> Self {
        Self {
            decide: Box::new(|_| Reaction::Respond),
            alter_body: Box::new(|_, _| {}),
            delay: Box::new(|_| Duration::from_millis(10)),
        }
    }
}

impl ShopFaults {
    pub(crate) fn shop(self) -> Shop {
        Shop(Arc::new(Inner {
            state: Mutex::default(),
            requests: Mutex::default(),
            decide: self.decide,
            alter_body: self.alter_body,
            delay: self.delay,
        }))
    }
}

impl Shop {
    /// All requests, oldest first.
    pub(crate) fn log(&self) -> Vec<ReceivedRequest> {
        self.0.requests.lock().unwrap().log.clone()
    }

    /// Number of requests to this endpoint.
    pub(crate) fn count(&self, endpoint: &str) -> u64 {
        self.log()
            .iter()
            .filter(|received| received.endpoint == endpoint)
            .count() as u64
    }

    /// The confirmed orders, from the shop's own records.
    pub(crate) fn confirmed(&self) -> Vec<Value> {
        let state = self.0.state.lock().unwrap();
        let confirmed = state.orders.values().filter(|o| o["status"] == "confirmed");
        confirmed.cloned().collect()
    }

    /// Responds to a request, after the delay.
    pub(crate) async fn answer(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let (received, reaction) = self.count_request(&request);
        tokio::time::sleep((self.0.delay)(&received)).await;
        let (status, mut body) = match reaction {
            Reaction::Problem(status, code) => problem(status, code, None),
            Reaction::Cancel => self.0.state.lock().unwrap().create_cancelled_order(),
            Reaction::Respond | Reaction::LoseResponse => {
                self.0.state.lock().unwrap().handle(&request)
            }
        };
        if reaction == Reaction::LoseResponse {
            return Err(NoAnswer::Reset("lost".to_owned()));
        }
        if status < 300 {
            (self.0.alter_body)(&received, &mut body);
        }
        let body = match status {
            204 => Bytes::new(),
            _ => body.to_string().into(),
        };
        let response = Response::builder()
            .status(status)
            .header("x-request-id", format!("r-{}", received.nth))
            .header("x-shop-version", "v1")
            .header("set-cookie", "shop-session=42; Path=/; HttpOnly")
            .body(body);
        Ok(response.unwrap())
    }

    fn count_request(&self, request: &Request<Bytes>) -> (ReceivedRequest, Reaction) {
        let path = request.uri().path();
        let first = path.split('/').nth(1).unwrap();
        let deeper = if path.matches('/').count() > 1 {
            "/.."
        } else {
            ""
        };
        let endpoint = match path {
            "/user/register" | "/user/login" => path.to_owned(),
            _ => format!("{} /{first}{deeper}", request.method()),
        };
        let mut requests = self.0.requests.lock().unwrap();
        let nth = requests.counts.entry(endpoint.clone()).or_default();
        let key = request.headers().get("idempotency-key");
        let received = ReceivedRequest {
            endpoint,
            nth: *nth,
            key: key.map(|key| key.to_str().unwrap().to_owned()),
        };
        *nth += 1;
        requests.log.push(received.clone());
        drop(requests);
        let reaction = (self.0.decide)(&received);
        (received, reaction)
    }
}

impl Transport for Shop {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        self.answer(request).await
    }
}
