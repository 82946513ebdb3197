//! One request and its response.
//!
//! The filter sends at most one reply: Envoy passes it through this filter as a response, and a second one would hang the client.

use std::cell::Cell;
use std::mem;
use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, LogLevel, MapType};
use stoa_filter::envoy;

use crate::config::{Config, HEADER_RULE};
use crate::decision::{Act, Decision, decide};
use crate::delay::Delay;
use crate::delayed::{Then, Ticket};
use crate::fault::Effect;
use crate::head::Head;
use crate::pace::Pace;
use crate::reply::{About, Reply};
use crate::request::Body;
use crate::worker::{Plugin, RULE_HEADER, count, millis, now, roll, send};

thread_local! {
    /// Requests with a fault in progress, in this worker.
    static ACTIVE: Cell<u64> = const { Cell::new(0) };
}

pub(crate) struct Stream {
    plugin: Rc<Plugin>,
    id: u32,
    state: State,
    /// The random bits of this request, drawn once: a rule that let it pass must not draw again when the body has arrived.
    drawn: Option<u64>,
    /// The request, or its response, while it is delayed.
    ticket: Option<Ticket>,
    /// The rule that acted, if one did; it counts as active until the stream ends.
    rule: Option<String>,
}

enum State {
    /// Nothing more to do, unless something is delayed.
    Settled,
    /// The decision depends on the body. The headers are kept: Envoy does not show them again once they have continued.
    AwaitsBody(Head),
    /// The caller has the filter's reply, or gets it at the ticket's deadline.
    Replied,
    /// This replaces payment's response, if that is a success.
    LosesResponse(Reply),
    /// Payment's response is paced.
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

    fn consider(&mut self, head: Head, body: Body<'_>) -> Action {
        self.state = State::Settled;
        let plugin = Rc::clone(&self.plugin);
        let Some(config) = &plugin.config else {
            return Action::Continue;
        };
        let mut dice = || *self.drawn.get_or_insert_with(roll);
        match decide(config, &head, body, &mut dice, now) {
            Decision::Pass => {}
            // Continue, not pause: pausing would also hold back the body.
            Decision::AwaitBody => self.state = State::AwaitsBody(head),
            Decision::Misread(why) => {
                count(HEADER_RULE, "misread");
                let line = ["payment-fault: x-stoa-fault: ", &why].concat();
                envoy::log(LogLevel::Warn, &line);
            }
            Decision::Act(act) if ACTIVE.get() >= config.max_active_faults => {
                count(act.rule, "limited");
            }
            Decision::Act(act) => {
                let is_complete = matches!(body, Body::Complete(_));
                return self.act(config, act, &head.about(), is_complete);
            }
        }
        Action::Continue
    }

    fn act(&mut self, config: &Config, act: Act<'_>, about: &About, is_complete: bool) -> Action {
        ACTIVE.set(ACTIVE.get() + 1);
        self.rule = Some(act.rule.to_owned());
        let delay = act.delay.map_or(0, |delay| delay.sample(roll));
        report(config, &act, delay, about);
        match act.fault.map(|fault| fault.effect) {
            Some(Effect::Reply(problem)) => {
                self.state = State::Replied;
                self.reply(Reply::new(&problem, about), config, delay, is_complete);
                return Action::Pause;
            }
            Some(Effect::LoseResponse(problem)) => {
                self.state = State::LosesResponse(Reply::new(&problem, about));
            }
            Some(Effect::Throttle { bytes_per_second }) => {
                self.state = State::Throttles(Pace::new(bytes_per_second));
            }
            None => {}
        }
        if delay == 0 {
            return Action::Continue;
        }
        self.wait(delay, Then::Continue);
        Action::Pause
    }

    /// Replies after `delay` milliseconds. A reply before the whole request has arrived would close a caller's HTTP/1.1
    /// connection, which payment itself never does. Such a reply is sent at the next tick.
    fn reply(&mut self, reply: Reply, config: &Config, delay: u64, is_complete: bool) {
        let rule = self.reported_rule(config);
        if delay > 0 || !is_complete {
            self.wait(delay, Then::Reply(reply, rule));
        } else {
            send(&reply, rule);
        }
    }

    fn wait(&mut self, delay: u64, then: Then) {
        let deadline = millis().saturating_add(delay);
        self.ticket = Some(Ticket::new(deadline, self.id, then, &self.plugin.ticking));
    }

    fn waits(&self) -> bool {
        let ticket = self.ticket.as_ref();
        ticket.is_some_and(|ticket| !ticket.is_released())
    }

    fn reported_rule(&self, config: &Config) -> Option<String> {
        self.rule.clone().filter(|_| config.tell)
    }

    fn body_limit(&self) -> usize {
        let config = self.plugin.config.as_ref();
        config.map_or(0, |config| config.max_body_bytes)
    }

    /// Decides when all of the body has arrived, or more than tests may read.
    fn consider_body(&mut self, is_too_long: bool) -> Action {
        let State::AwaitsBody(head) = mem::replace(&mut self.state, State::Settled) else {
            return Action::Continue;
        };
        let body = match is_too_long {
            true => Vec::new(),
            false => envoy::request_body(self.body_limit()).unwrap_or_default(),
        };
        self.consider(head, Body::Complete(&body))
    }
}

/// Counts an act, and logs a share of them.
fn report(config: &Config, act: &Act<'_>, delay: u64, about: &About) {
    let fault = act.fault.as_ref().map_or("none", |fault| fault.kind);
    if act.fault.is_some() {
        count(act.rule, fault);
    }
    if act.delay.is_some() {
        count(act.rule, Delay::NAME);
    }
    if config.log.takes(roll()) {
        let (rule, request) = (act.rule, &about.request_id);
        let line = format!(
            "payment-fault: rule {rule} acts: fault {fault}, delay {delay} ms, request {request}"
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
        self.consider(Head::read(), body)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        match self.state {
            State::AwaitsBody(_) if size > self.body_limit() => {
                count("body", "too-long");
                self.consider_body(true)
            }
            State::AwaitsBody(_) if end_of_stream => self.consider_body(false),
            State::AwaitsBody(_) => Action::Pause,
            // Continuing would end the pause.
            _ if self.waits() => Action::Pause,
            _ => Action::Continue,
        }
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        match self.state {
            State::AwaitsBody(_) => self.consider_body(false),
            _ if self.waits() => Action::Pause,
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
                    send(reply, rule);
                    self.state = State::Replied;
                    return Action::Pause;
                }
            }
            State::Throttles(pace) => pace.begin(millis()),
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
        let now = millis();
        let Some(due) = pace.hold(size as u64, was_released, now) else {
            return Action::Continue;
        };
        self.wait(due - now, Then::Release);
        Action::Pause
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        match self.waits() {
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
