//! The requests of one simulated customer: sends one request after the other, pauses in between, keeps the cookies, and checks and
//! records each response.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use http::header;
use tokio::time::{Instant, timeout};

use crate::answer::Answer;
use crate::failure::{Failure, Reply};
use crate::interrupted::Interrupted;
use crate::plan::Load;
use crate::request::ShopRequest;
use crate::schedule::think_time;
use crate::step::Step;
use crate::transport::{NoAnswer, Transport};
use crate::world::World;

/// The requests of one simulated customer, and the cookies that the shop has set.
pub(crate) struct Session<T> {
    pub(crate) world: Arc<World<T>>,
    /// The random numbers for the customer's choices.
    pub(crate) rng: Rng,
    /// When the next request is due. `None` means that the request is due when it is sent.
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

    /// Sets the arrival time of a customer of the open loop, at which the first request is due. The journey may begin later.
    pub(crate) fn with_arrival(mut self, at: Instant) -> Self {
        self.due = Some(at);
        self
    }

    /// Pauses before the next step. In the open loop the next step is due at the end of the pause, even if this program sends it
    /// later.
    pub(crate) async fn think(&mut self) -> Result<(), Interrupted> {
        let pause = think_time(&mut self.rng, self.world.plan.think_time);
        self.pause(pause).await
    }

    /// Pauses. Returns an error if the run ends before the pause is over.
    pub(crate) async fn pause(&mut self, pause: Duration) -> Result<(), Interrupted> {
        let until = Instant::now() + pause;
        if !self.world.ending.sleep_until(until).await {
            return Err(Interrupted::RunEnded);
        }
        self.set_due(until);
        Ok(())
    }

    /// Pauses for the whole time, even if the run ends during the pause. A buyer whose order has no result yet sends it again after
    /// such a pause.
    pub(crate) async fn pause_regardless(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        tokio::time::sleep_until(until).await;
        self.set_due(until);
    }

    fn set_due(&mut self, at: Instant) {
        self.due = match self.world.plan.load {
            Load::Open { .. } => Some(at),
            Load::Closed { .. } => None,
        };
    }

    /// Sends a request, checks the response with `check`, and records the latency and the result.
    pub(crate) async fn send<R>(
        &mut self,
        step: Step,
        request: ShopRequest,
        check: impl FnOnce(&Answer) -> Result<Reply<R>, Failure>,
    ) -> Result<Reply<R>, Failure> {
        let world = Arc::clone(&self.world);
        let due = self.due.take().unwrap_or_else(Instant::now);
        let in_flight = world.record.begin_request();
        let answer = self.exchange(request).await;
        let latency = due.elapsed();
        drop(in_flight);
        let (result, request_id) = match answer {
            Err(failure) => (Err(failure), None),
            Ok(answer) => {
                self.keep_cookies(&answer);
                let request_id = answer.header("x-request-id").map(str::to_owned);
                (check(&answer), request_id)
            }
        };
        world
            .record
            .record_request(step, latency, result.as_ref(), request_id.as_deref());
        result
    }

    /// Sends a request like [`Session::send`]. The shop must not reject this request, so every rejection is a failure.
    pub(crate) async fn require<R>(
        &mut self,
        step: Step,
        request: ShopRequest,
        check: impl FnOnce(&Answer) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        match self
            .send(step, request, |answer| check(answer).map(Reply::Accepted))
            .await?
        {
            Reply::Accepted(value) => Ok(value),
            // This case never occurs, because the closure that is passed to `send` returns only `Accepted`.
            Reply::Refused(refusal) => Err(Failure::Wrong(refusal.code)),
        }
    }

    async fn exchange(&self, request: ShopRequest) -> Result<Answer, Failure> {
        let plan = &self.world.plan;
        let request = request
            .to_http(&plan.target, &self.cookies)
            .map_err(|error| {
                Failure::Wrong(format!(
                    "the token or a cookie is not a valid header value: {error}"
                ))
            })?;
        match timeout(plan.timeout, self.world.transport.send(request)).await {
            Ok(Ok(response)) => Ok(response.into()),
            Ok(Err(reason)) => Err(reason.into()),
            Err(_) => Err(NoAnswer::Timeout.into()),
        }
    }

    /// Stores the cookies of a response. Domain, path and lifetime are ignored, because there is only one shop, and because
    /// journeys are shorter than the lifetime of a cookie.
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
