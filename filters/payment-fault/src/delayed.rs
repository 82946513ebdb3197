//! Requests and answers that are held up, and the tick that lets them go on.
//!
//! They are kept for the whole VM, and not for one configuration: a tick of any lets all go whose time has come. A worker
//! without any has no tick.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use proxy_wasm::hostcalls;
use stoa_filter::envoy::Metric;

use crate::adapter::send;
use crate::reply::Reply;

/// How precise a delay is: a tick costs a few microseconds, and only while something waits.
const TICK: Duration = Duration::from_millis(5);

/// What happens when the time has come.
pub(crate) enum Then {
    /// The request goes on to payment.
    GoOn,
    /// The caller is told this, with the name of the rule that acted.
    Reply(Reply, Option<String>),
    /// What has come of the answer goes on to the caller.
    Release,
}

thread_local! {
    /// In no order: there are few, and most ticks find none that is due.
    static WAITING: RefCell<Vec<Waiting>> = const { RefCell::new(Vec::new()) };
}

struct Waiting {
    /// In milliseconds.
    deadline: u64,
    context: u32,
    then: Then,
}

/// Stands for something that waits; what waits is forgotten with it.
pub(crate) struct Ticket {
    context: u32,
    is_request: bool,
}

impl Ticket {
    /// Until `deadline`, in milliseconds.
    pub(crate) fn new(deadline: u64, context: u32, then: Then, ticking: &Cell<bool>) -> Self {
        let is_request = !matches!(then, Then::Release);
        let entry = Waiting {
            deadline,
            context,
            then,
        };
        WAITING.with_borrow_mut(|waiting| waiting.push(entry));
        if is_request {
            delayed(1);
        }
        if !ticking.replace(true) {
            let _ = hostcalls::set_tick_period(TICK);
        }
        Self {
            context,
            is_request,
        }
    }

    /// Whether its time has come.
    pub(crate) fn is_used(&self) -> bool {
        WAITING.with_borrow(|waiting| !waiting.iter().any(|entry| entry.context == self.context))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if take(|entry| entry.context == self.context).is_some() && self.is_request {
            delayed(-1);
        }
    }
}

fn take(fits: impl Fn(&Waiting) -> bool) -> Option<Waiting> {
    WAITING.with_borrow_mut(|waiting| {
        let index = waiting.iter().position(fits)?;
        Some(waiting.swap_remove(index))
    })
}

fn delayed(by: i64) {
    if let Some(gauge) = Metric::gauge("payment_fault.delayed") {
        gauge.add(by);
    }
}

/// Lets all go whose time has come at `now`; without any left, the tick of this root ends.
pub(crate) fn let_go(now: u64, ticking: &Cell<bool>) {
    while let Some(Waiting { context, then, .. }) = take(|entry| entry.deadline <= now) {
        if !matches!(then, Then::Release) {
            delayed(-1);
        }
        // A stream that is gone has no context any more.
        if hostcalls::set_effective_context(context).is_err() {
            continue;
        }
        match then {
            Then::GoOn => drop(hostcalls::resume_http_request()),
            Then::Reply(reply, told) => send(&reply, told),
            Then::Release => drop(hostcalls::resume_http_response()),
        }
    }
    if WAITING.with_borrow(Vec::is_empty) {
        ticking.set(false);
        let _ = hostcalls::set_tick_period(Duration::ZERO);
    }
}
