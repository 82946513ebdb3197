//! Requests and responses that are delayed, and the tick that releases them.
//!
//! They belong to the whole VM, not to one configuration: a tick of any configuration releases all that are due. A worker
//! in which nothing is delayed has no tick.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use proxy_wasm::hostcalls;
use stoa_filter::envoy::Metric;

use crate::reply::Reply;
use crate::worker::send;

/// Tick period, and so the precision of a delay. A tick costs a few microseconds and runs only while something is delayed.
const TICK: Duration = Duration::from_millis(5);

/// What happens at the deadline.
pub(crate) enum Then {
    /// The request continues to payment.
    Continue,
    /// The caller gets this reply, with the name of the rule that acted.
    Reply(Reply, Option<String>),
    /// The part of the response that has arrived continues to the caller.
    Release,
}

thread_local! {
    /// Unordered: there are few entries, and most ticks find none that is due.
    static DELAYED: RefCell<Vec<Delayed>> = const { RefCell::new(Vec::new()) };
}

struct Delayed {
    /// In milliseconds.
    deadline: u64,
    context: u32,
    then: Then,
}

/// A delayed request or response. Dropping the ticket cancels its entry.
pub(crate) struct Ticket {
    context: u32,
    is_request: bool,
}

impl Ticket {
    /// Delays until `deadline`, in milliseconds.
    pub(crate) fn new(deadline: u64, context: u32, then: Then, ticking: &Cell<bool>) -> Self {
        let is_request = !matches!(then, Then::Release);
        let entry = Delayed {
            deadline,
            context,
            then,
        };
        DELAYED.with_borrow_mut(|delayed| delayed.push(entry));
        if is_request {
            add_to_gauge(1);
        }
        if !ticking.replace(true) {
            let _ = hostcalls::set_tick_period(TICK);
        }
        Self {
            context,
            is_request,
        }
    }

    /// Whether its deadline has passed and it was released.
    pub(crate) fn is_released(&self) -> bool {
        DELAYED.with_borrow(|delayed| !delayed.iter().any(|entry| entry.context == self.context))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if take(|entry| entry.context == self.context).is_some() && self.is_request {
            add_to_gauge(-1);
        }
    }
}

fn take(selects: impl Fn(&Delayed) -> bool) -> Option<Delayed> {
    DELAYED.with_borrow_mut(|delayed| {
        let index = delayed.iter().position(selects)?;
        Some(delayed.swap_remove(index))
    })
}

fn add_to_gauge(by: i64) {
    if let Some(gauge) = Metric::gauge("payment_fault.delayed") {
        gauge.add(by);
    }
}

/// Releases all that are due at `now`, in milliseconds. If none is left, the tick of this root context ends.
pub(crate) fn release_due(now: u64, ticking: &Cell<bool>) {
    while let Some(Delayed { context, then, .. }) = take(|entry| entry.deadline <= now) {
        if !matches!(then, Then::Release) {
            add_to_gauge(-1);
        }
        // The stream may have ended, and its context with it.
        if hostcalls::set_effective_context(context).is_err() {
            continue;
        }
        match then {
            Then::Continue => drop(hostcalls::resume_http_request()),
            Then::Reply(reply, told) => send(&reply, told),
            Then::Release => drop(hostcalls::resume_http_response()),
        }
    }
    if DELAYED.with_borrow(Vec::is_empty) {
        ticking.set(false);
        let _ = hostcalls::set_tick_period(Duration::ZERO);
    }
}
