//! Handles one request and its response.
//!
//! The filter sends at most one reply to a request. Envoy passes this reply through the filter as a response. A second reply would
//! hang the client.

use std::cell::Cell;
use std::mem;
use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, LogLevel, MapType};
use stoa_filter::envoy;

use crate::config::{Config, HEADER_RULE};
use crate::decision::{Decision, Injection, decide};
use crate::delay::Delay;
use crate::delayed::{DeadlineAction, Ticket};
use crate::fault::Effect;
use crate::head::Head;
use crate::pace::Pace;
use crate::reply::{Reply, RequestInfo};
use crate::request::Body;
use crate::worker::{
    Plugin, RULE_HEADER, UNREADABLE, count, count_rule, now, now_millis, roll, send_reply,
};

thread_local! {
    /// The number of requests in this worker that have a fault and have not ended.
    static ACTIVE: Cell<u64> = const { Cell::new(0) };
}

pub(crate) struct Stream {
    plugin: Rc<Plugin>,
    id: u32,
    state: State,
    /// The random bits of this request. The filter draws them only once. The rules are evaluated again when the body has arrived,
    /// and each rule must then decide as before.
    drawn: Option<u64>,
    /// The handle of this stream's delayed request or response. `None` if nothing is delayed.
    ticket: Option<Ticket>,
    /// The name of the rule that injected a fault or delay. The request counts as active until the stream ends.
    rule: Option<String>,
}

enum State {
    /// The decision is made. The filter does nothing more, except for a request that is still delayed.
    Settled,
    /// The decision depends on the body. The filter keeps a copy of the headers, because it cannot read them from Envoy after they
    /// were sent on.
    AwaitsBody(Head),
    /// The filter has sent its reply, or will send the reply at the deadline of `ticket`.
    Replied,
    /// This reply replaces payment's response if the response has a 2xx status.
    LosesResponse(Reply),
    /// The rate of payment's response is limited.
    Throttles(Pace),
}

impl Stream {
    pub(crate) fn new(plugin: Rc<Plugin>, id: u32) -> Self {
        Self {
            plugin,
            id,
            state: State::Settled,
            drawn: None,
            ticket: None,
            rule: None,
        }
    }

    fn apply_decision(&mut self, head: Head, body: Body<'_>) -> Action {
        self.state = State::Settled;
        let plugin = Rc::clone(&self.plugin);
        let Some(config) = &plugin.config else {
            return Action::Continue;
        };
        let mut dice = || *self.drawn.get_or_insert_with(roll);
        match decide(config, &head, body, &mut dice, now) {
            Decision::Pass => {}
            // The filter lets the headers pass, because a pause would also hold back the body.
            Decision::AwaitBody => self.state = State::AwaitsBody(head),
            Decision::Unreadable(error) => {
                count_rule(HEADER_RULE, UNREADABLE);
                let line = ["payment-fault: x-stoa-fault: ", &error].concat();
                envoy::log(LogLevel::Warn, &line);
            }
            Decision::Inject(injection) if ACTIVE.get() >= config.max_active_faults => {
                count_rule(injection.rule, "limited");
            }
            Decision::Inject(injection) => {
                let is_complete = matches!(body, Body::Complete(_));
                return self.inject(config, injection, &head.request_info(), is_complete);
            }
        }
        Action::Continue
    }

    fn inject(
        &mut self,
        config: &Config,
        injection: Injection<'_>,
        info: &RequestInfo,
        is_complete: bool,
    ) -> Action {
        ACTIVE.set(ACTIVE.get() + 1);
        self.rule = Some(injection.rule.to_owned());
        let delay = injection.delay.map_or(0, |delay| delay.sample(roll));
        count_and_log(config, &injection, delay, info);
        match injection.fault.map(|fault| fault.effect) {
            Some(Effect::Reply(problem)) => {
                self.state = State::Replied;
                self.schedule_reply(Reply::new(&problem, info), config, delay, is_complete);
                return Action::Pause;
            }
            Some(Effect::LoseResponse(problem)) => {
                self.state = State::LosesResponse(Reply::new(&problem, info));
            }
            Some(Effect::Throttle { bytes_per_second }) => {
                self.state = State::Throttles(Pace::new(bytes_per_second));
            }
            None => {}
        }
        if delay == 0 {
            return Action::Continue;
        }
        self.delay(delay, DeadlineAction::Continue);
        Action::Pause
    }

    /// Replies after `delay` milliseconds. If the request is not complete yet, the reply waits at least for the next tick. A reply
    /// before the end of the request would make Envoy close the caller's HTTP/1.1 connection. In the same case, payment itself does
    /// not close the connection.
    fn schedule_reply(&mut self, reply: Reply, config: &Config, delay: u64, is_complete: bool) {
        let rule = self.reported_rule(config);
        if delay > 0 || !is_complete {
            self.delay(delay, DeadlineAction::Reply(reply, rule));
        } else {
            send_reply(&reply, rule);
        }
    }

    fn delay(&mut self, delay: u64, action: DeadlineAction) {
        let deadline = now_millis().saturating_add(delay);
        self.ticket = Some(Ticket::new(deadline, self.id, action, &self.plugin.ticking));
    }

    fn is_delayed(&self) -> bool {
        let ticket = self.ticket.as_ref();
        ticket.is_some_and(|ticket| !ticket.is_released())
    }

    fn reported_rule(&self, config: &Config) -> Option<String> {
        self.rule.clone().filter(|_| config.reports_rule)
    }

    fn body_limit(&self) -> usize {
        let config = self.plugin.config.as_ref();
        config.map_or(0, |config| config.max_body_bytes)
    }

    /// Decides what happens to the request after its body was read. This method is called when the whole body has arrived, or when
    /// the body exceeds the limit for body tests.
    fn decide_with_body(&mut self, is_too_long: bool) -> Action {
        let State::AwaitsBody(head) = mem::replace(&mut self.state, State::Settled) else {
            return Action::Continue;
        };
        let body = match is_too_long {
            true => Vec::new(),
            false => envoy::request_body(self.body_limit()).unwrap_or_default(),
        };
        self.apply_decision(head, Body::Complete(&body))
    }
}

/// Counts an injected fault or delay, and logs a share of the injections.
fn count_and_log(config: &Config, injection: &Injection<'_>, delay: u64, info: &RequestInfo) {
    let fault = injection.fault.as_ref().map_or("none", |fault| fault.kind);
    if injection.fault.is_some() {
        count_rule(injection.rule, fault);
    }
    if injection.delay.is_some() {
        count_rule(injection.rule, Delay::NAME);
    }
    if config.log.selects(roll()) {
        let (rule, request) = (injection.rule, &info.request_id);
        let line = format!(
            "payment-fault: rule {rule} applies to request {request}: fault {fault}, delay {delay} ms"
        );
        envoy::log(LogLevel::Warn, &line);
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let config = self.plugin.config.as_ref();
        if !config.is_some_and(|config| config.enabled) {
            return Action::Continue;
        }
        let body = match end_of_stream {
            true => Body::Complete(&[]),
            false => Body::NotYet,
        };
        self.apply_decision(Head::read(), body)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        match self.state {
            State::AwaitsBody(_) if size > self.body_limit() => {
                count("body", "too-long");
                self.decide_with_body(true)
            }
            State::AwaitsBody(_) if end_of_stream => self.decide_with_body(false),
            State::AwaitsBody(_) => Action::Pause,
            // The request is still delayed, and Continue would end this delay.
            _ if self.is_delayed() => Action::Pause,
            _ => Action::Continue,
        }
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        match self.state {
            State::AwaitsBody(_) => self.decide_with_body(false),
            _ if self.is_delayed() => Action::Pause,
            _ => Action::Continue,
        }
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        let plugin = Rc::clone(&self.plugin);
        let Some(config) = plugin.config.as_ref().filter(|_| self.rule.is_some()) else {
            return Action::Continue;
        };
        let rule = self.reported_rule(config);
        match &mut self.state {
            State::Replied => return Action::Continue,
            State::LosesResponse(reply) => {
                let status = envoy::response_header(":status").unwrap_or_default();
                if status.first() == Some(&b'2') {
                    send_reply(reply, rule);
                    self.state = State::Replied;
                    return Action::Pause;
                }
            }
            State::Throttles(pace) => pace.begin(now_millis()),
            State::Settled | State::AwaitsBody(_) => {}
        }
        if let Some(rule) = rule {
            let _ = hostcalls::add_map_value(MapType::HttpResponseHeaders, RULE_HEADER, &rule);
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, _: bool) -> Action {
        let ticket = self.ticket.take();
        let was_released = ticket.is_some_and(|ticket| ticket.is_released());
        let State::Throttles(pace) = &mut self.state else {
            return Action::Continue;
        };
        let now = now_millis();
        let Some(due) = pace.hold(size as u64, was_released, now) else {
            return Action::Continue;
        };
        self.delay(due - now, DeadlineAction::Release);
        Action::Pause
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        match self.is_delayed() {
            true => Action::Pause,
            false => Action::Continue,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.rule.is_some() {
            ACTIVE.set(ACTIVE.get().saturating_sub(1));
        }
    }
}
