//! One request and its answer.
//!
//! What a caller is told is sent once only: Envoy hands that answer to this filter as well, and a second one would hang the
//! client.

use std::cell::Cell;
use std::mem;
use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, LogLevel, MapType};
use stoa_filter::envoy;
use stoa_filter::pairs::Pairs;

use crate::adapter::{Plugin, TOLD_HEADER, count, millis, now, roll, send};
use crate::config::Config;
use crate::decision::{Act, Body, Decision, Request, decide};
use crate::fault::{Delay, Fault};
use crate::pace::Pace;
use crate::reply::{About, Reply};
use crate::waiting::{Then, Ticket};

thread_local! {
    /// Requests with a fault at work, in this worker.
    static ACTIVE: Cell<u64> = const { Cell::new(0) };
}

pub(crate) struct Stream {
    plugin: Rc<Plugin>,
    id: u32,
    state: State,
    /// The dice are thrown once: a rule that let the request go on must not draw again when the body is here.
    drawn: Option<u64>,
    /// What waits for its time: the request, or its answer.
    ticket: Option<Ticket>,
    /// The rule that acted, if something does go wrong; it counts as active until the stream ends.
    told: Option<String>,
}

enum State {
    /// Nothing more to do, unless something waits.
    Settled,
    /// The decision depends on the body. The headers are kept: Envoy shows them no more once they have gone on.
    AwaitsBody(Head),
    /// The caller has his answer from here, or will have it when its time has come.
    Replied,
    /// Payment's answer is to be lost.
    Loses(About),
    /// Payment's answer comes slowly.
    Throttles(Pace),
}

struct Head(Pairs);

impl Request for Head {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.0.get(name)
    }

    fn headers(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.all(name).map(<[u8]>::to_vec).collect()
    }

    fn principal(&self) -> Option<Vec<u8>> {
        envoy::peer_identity()
    }
}

impl Stream {
    pub(crate) fn new(plugin: Rc<Plugin>, id: u32) -> Self {
        Self {
            plugin,
            id,
            state: State::Settled,
            drawn: None,
            ticket: None,
            told: None,
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
            // Not paused: that would keep the body away as well.
            Decision::AwaitBody => self.state = State::AwaitsBody(head),
            Decision::Misread(why) => {
                count("asked", "misread");
                let line = ["payment-fault: x-stoa-fault: ", &why].concat();
                envoy::log(LogLevel::Warn, &line);
            }
            Decision::Act(act) if ACTIVE.get() >= config.max_active_faults => {
                count(act.rule, "limited");
            }
            Decision::Act(act) => {
                let is_complete = matches!(body, Body::Complete(_));
                return self.act(config, act, About::of(&head), is_complete);
            }
        }
        Action::Continue
    }

    fn act(&mut self, config: &Config, act: Act<'_>, about: About, is_complete: bool) -> Action {
        ACTIVE.set(ACTIVE.get() + 1);
        self.told = Some(act.rule.to_owned());
        let delay = act.delay.map_or(0, |delay| delay.sample(roll));
        tell_of(config, &act, delay, &about);
        let reply = match &act.fault {
            Some(Fault::LostResponse) | None => None,
            Some(fault) => Reply::of(fault, &about),
        };
        let Some(reply) = reply else {
            self.state = match act.fault {
                Some(Fault::Throttle { bytes_per_second }) => {
                    State::Throttles(Pace::new(bytes_per_second))
                }
                Some(Fault::LostResponse) => State::Loses(about),
                _ => State::Settled,
            };
            if delay == 0 {
                return Action::Continue;
            }
            self.wait(delay, Then::GoOn);
            return Action::Pause;
        };
        self.state = State::Replied;
        let told = self.told_header(config);
        // Told before the request has come as a whole, a caller who speaks HTTP/1.1 would lose his connection with it, which
        // payment would never do to him. The next tick will do.
        if delay > 0 || !is_complete {
            self.wait(delay, Then::Reply(reply, told));
        } else {
            send(&reply, told);
        }
        Action::Pause
    }

    fn wait(&mut self, delay: u64, then: Then) {
        let deadline = millis().saturating_add(delay);
        self.ticket = Some(Ticket::new(deadline, self.id, then, &self.plugin.ticking));
    }

    fn waits(&self) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| !ticket.is_used())
    }

    fn told_header(&self, config: &Config) -> Option<String> {
        self.told.clone().filter(|_| config.tell)
    }

    fn body_limit(&self) -> usize {
        let config = self.plugin.config.as_ref();
        config.map_or(0, |config| config.max_body_bytes)
    }

    /// All of the body is here, or more than is looked into.
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

/// Counts what is done, and logs a share of it.
fn tell_of(config: &Config, act: &Act<'_>, delay: u64, about: &About) {
    let fault = act.fault.as_ref().map_or("none", Fault::kind);
    if act.fault.is_some() {
        count(act.rule, fault);
    }
    if act.delay.is_some() {
        count(act.rule, Delay::KIND);
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
        self.consider(Head(envoy::request_headers()), body)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        match self.state {
            State::AwaitsBody(_) if size > self.body_limit() => {
                count("body", "too-long");
                self.consider_body(true)
            }
            State::AwaitsBody(_) if end_of_stream => self.consider_body(false),
            State::AwaitsBody(_) => Action::Pause,
            // Let through, it would end the pause.
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
        let Some(config) = plugin.config.as_ref().filter(|_| self.told.is_some()) else {
            return Action::Continue;
        };
        match &mut self.state {
            State::Replied => return Action::Continue,
            State::Loses(about) => {
                let status = envoy::response_header(":status").unwrap_or_default();
                if status.first() == Some(&b'2')
                    && let Some(reply) = Reply::of(&Fault::LostResponse, about)
                {
                    self.state = State::Replied;
                    send(&reply, self.told_header(config));
                    return Action::Pause;
                }
            }
            State::Throttles(pace) => pace.begin(millis()),
            State::Settled | State::AwaitsBody(_) => {}
        }
        if let Some(rule) = self.told_header(config) {
            let _ = hostcalls::add_map_value(MapType::HttpResponseHeaders, TOLD_HEADER, &rule);
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, _: bool) -> Action {
        let went = self.ticket.take().is_some_and(|ticket| ticket.is_used());
        let State::Throttles(pace) = &mut self.state else {
            return Action::Continue;
        };
        let now = millis();
        let Some(due) = pace.hold(size as u64, went, now) else {
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
        if self.told.is_some() {
            ACTIVE.set(ACTIVE.get().saturating_sub(1));
        }
    }
}

impl About {
    fn of(head: &Head) -> Self {
        let text = |name| {
            let value = head.0.get(name).unwrap_or_default();
            String::from_utf8_lossy(&value).into_owned()
        };
        let mut instance = text(":path");
        instance.truncate(instance.find('?').unwrap_or(instance.len()));
        Self {
            instance,
            request_id: text("x-request-id"),
            grpc: text("content-type").starts_with("application/grpc"),
        }
    }
}
