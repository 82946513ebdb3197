//! A customer at his browser: sends one request after the other, thinks in between, and has each answer judged and
//! recorded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use hdrhistogram::CreationError;
use http::{Method, Request, header};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::account::Account;
use crate::answer::{Answer, Failure, Reply};
use crate::orders::Book;
use crate::plan::{Load, Plan};
use crate::record::Recorder;
use crate::schedule::think;
use crate::step::Step;
use crate::stop::{Ending, Stop};
use crate::transport::{NoAnswer, Transport};
use crate::wire::Product;

/// What all customers share.
pub(crate) struct World<T> {
    pub(crate) plan: Plan,
    transport: T,
    pub(crate) record: Recorder,
    pub(crate) book: Book,
    pub(crate) ending: Ending,
    catalogue: OnceLock<Vec<Product>>,
    accounts: Mutex<VecDeque<Account>>,
}

impl<T: Transport> World<T> {
    pub(crate) fn new(plan: Plan, transport: T, stop: Stop) -> Result<Self, CreationError> {
        let open = matches!(plan.load, Load::Open { .. });
        Ok(Self {
            plan,
            transport,
            record: Recorder::new(open)?,
            book: Book::default(),
            ending: Ending::new(stop),
            catalogue: OnceLock::new(),
            accounts: Mutex::default(),
        })
    }

    pub(crate) fn set_catalogue(&self, products: Vec<Product>) {
        let _ = self.catalogue.set(products);
    }

    /// Every product, as it was listed before the load began.
    pub(crate) fn catalogue(&self) -> &[Product] {
        self.catalogue.get().map_or(&[], Vec::as_slice)
    }

    /// An account that nobody uses; one customer has it at a time, since it has one cart.
    pub(crate) fn take_account(&self) -> Option<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.pop_front()
    }

    pub(crate) fn give_back(&self, account: Account) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.push_back(account);
    }
}

/// Why a journey does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The end came.
    Over,
    /// Something failed, and is recorded.
    Failed,
}

impl From<Failure> for Gone {
    fn from(_: Failure) -> Self {
        Self::Failed
    }
}

/// A request, before it has an address.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    body: Option<Value>,
    bearer: Option<String>,
    key: Option<Uuid>,
}

impl Ask {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            bearer: None,
            key: None,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn by(mut self, account: &Account) -> Self {
        self.bearer = Some(account.token.clone());
        self
    }

    pub(crate) fn key(mut self, key: Uuid) -> Self {
        self.key = Some(key);
        self
    }
}

/// One customer.
pub(crate) struct Session<T> {
    pub(crate) world: Arc<World<T>>,
    /// His choices.
    pub(crate) rng: Rng,
    /// When the next request is due, where that is not when it is sent.
    due: Option<Instant>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl<T: Transport> Session<T> {
    pub(crate) fn new(world: Arc<World<T>>, rng: Rng) -> Self {
        Self {
            world,
            rng,
            due: None,
            cookies: BTreeMap::new(),
        }
    }

    /// A customer of the open loop, who came at this time, whenever he is let in.
    pub(crate) fn arrived(mut self, at: Instant) -> Self {
        self.due = Some(at);
        self
    }

    /// Thinks about the next step. In the open loop that is due when he is done with it, even if this program is late.
    pub(crate) async fn think(&mut self) -> Result<(), Gone> {
        let pause = think(&mut self.rng, self.world.plan.think_time);
        self.pause(pause).await
    }

    pub(crate) async fn pause(&mut self, pause: Duration) -> Result<(), Gone> {
        let until = Instant::now() + pause;
        if !self.world.ending.sleep_until(until).await {
            return Err(Gone::Over);
        }
        self.be_due(until);
        Ok(())
    }

    /// The same for who has to go on even if the end comes meanwhile.
    pub(crate) async fn pause_regardless(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        tokio::time::sleep_until(until).await;
        self.be_due(until);
    }

    fn be_due(&mut self, at: Instant) {
        self.due = match self.world.plan.load {
            Load::Open { .. } => Some(at),
            Load::Closed { .. } => None,
        };
    }

    /// Sends a request, has the answer judged, and records both.
    pub(crate) async fn ask<R>(
        &mut self,
        step: Step,
        ask: Ask,
        judge: impl FnOnce(&Answer) -> Result<Reply<R>, Failure>,
    ) -> Result<Reply<R>, Failure> {
        let world = Arc::clone(&self.world);
        let due = self.due.take().unwrap_or_else(Instant::now);
        let going = world.record.going();
        let answer = self.exchange(ask).await;
        let took = due.elapsed();
        drop(going);
        let (judged, request_id) = match answer {
            Err(failure) => (Err(failure), None),
            Ok(answer) => {
                self.keep_cookies(&answer);
                let request_id = answer.header("x-request-id").map(str::to_owned);
                (judge(&answer), request_id)
            }
        };
        world
            .record
            .ended(step, took, judged.as_ref(), request_id.as_deref());
        judged
    }

    /// As [`Session::ask`], where every no is a failure.
    pub(crate) async fn need<R>(
        &mut self,
        step: Step,
        ask: Ask,
        judge: impl FnOnce(&Answer) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        match self
            .ask(step, ask, |answer| judge(answer).map(Reply::Yes))
            .await?
        {
            Reply::Yes(right) => Ok(right),
            // Not made by the closure above.
            Reply::No(no) => Err(Failure::Wrong(no.code)),
        }
    }

    async fn exchange(&self, ask: Ask) -> Result<Answer, Failure> {
        let plan = &self.world.plan;
        let mut request = Request::builder()
            .method(ask.method)
            .uri(plan.target.at(&ask.path));
        if let Some(bearer) = &ask.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        if let Some(key) = ask.key {
            request = request.header("idempotency-key", key.to_string());
        }
        if !self.cookies.is_empty() {
            let all: Vec<String> = self
                .cookies
                .iter()
                .map(|(n, v)| format!("{n}={v}"))
                .collect();
            request = request.header(header::COOKIE, all.join("; "));
        }
        let body = match ask.body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                body.to_string().into()
            }
        };
        // All of it but the token is ours.
        let request = request
            .body(body)
            .map_err(|error| Failure::Wrong(format!("a token that cannot be sent: {error}")))?;
        match timeout(plan.timeout, self.world.transport.send(request)).await {
            Ok(Ok(response)) => Ok(response.into()),
            Ok(Err(reason)) => Err(reason.into()),
            Err(_) => Err(NoAnswer::Timeout.into()),
        }
    }

    /// Names and values are all that is kept: one shop, one path, and journeys are shorter than cookies live.
    fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().ok().and_then(|text| text.split(';').next());
            if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                self.cookies
                    .insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}
