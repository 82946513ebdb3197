//! The list of delayed requests and responses, and the tick that releases them.
//!
//! The list belongs to the whole VM, not to one configuration. A tick of any configuration releases every entry whose deadline has
//! passed. A worker whose list is empty has no tick.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use proxy_wasm::hostcalls;
use stoa_filter::envoy::Metric;

use crate::reply::Reply;
use crate::worker::send_reply;

/// Tick period, which is also the precision of a delay. A tick costs a few microseconds, and ticks run only while the list has
/// entries.
const TICK_PERIOD: Duration = Duration::from_millis(5);

/// The action that the filter performs when the deadline of a delayed request or response has passed.
pub(crate) enum DeadlineAction {
    /// The filter passes the request on to payment.
    Continue,
    /// The filter sends this reply to the caller. The second field is the rule's name, or `None` if the reply does not report the
    /// rule.
    Reply(Reply, Option<String>),
    /// The filter passes on to the caller the part of the response that has arrived.
    Release,
}

thread_local! {
    /// The delayed requests and responses. They are not sorted by deadline, because the list is short, and most ticks release no
    /// entry.
    static DELAYED: RefCell<Vec<Delayed>> = const { RefCell::new(Vec::new()) };
}

struct Delayed {
    /// Milliseconds since the Unix epoch.
    deadline: u64,
    context: u32,
    action: DeadlineAction,
}

/// The handle with which a stream owns its entry in the list. Dropping the handle removes the entry.
pub(crate) struct Ticket {
    context: u32,
    is_request: bool,
}

impl Ticket {
    /// Adds an entry for the stream `context`. `deadline` is in milliseconds since the Unix epoch.
    pub(crate) fn new(
        deadline: u64,
        context: u32,
        action: DeadlineAction,
        ticking: &Cell<bool>,
    ) -> Self {
        let is_request = !matches!(action, DeadlineAction::Release);
        let entry = Delayed {
            deadline,
            context,
            action,
        };
        DELAYED.with_borrow_mut(|delayed| delayed.push(entry));
        if is_request {
            add_to_gauge(1);
        }
        if !ticking.replace(true) {
            let _ = hostcalls::set_tick_period(TICK_PERIOD);
        }
        Self {
            context,
            is_request,
        }
    }

    /// True if the delayed request or response was released, because its deadline has passed.
    pub(crate) fn is_released(&self) -> bool {
        DELAYED.with_borrow(|delayed| !delayed.iter().any(|entry| entry.context == self.context))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if remove_first(|entry| entry.context == self.context).is_some() && self.is_request {
            add_to_gauge(-1);
        }
    }
}

fn remove_first(selects: impl Fn(&Delayed) -> bool) -> Option<Delayed> {
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

/// Releases every request and response whose deadline has passed. `now` is in milliseconds since the Unix epoch. If the list is
/// then empty, this function stops the tick of the current root context.
pub(crate) fn release_due(now: u64, ticking: &Cell<bool>) {
    while let Some(Delayed {
        context, action, ..
    }) = remove_first(|entry| entry.deadline <= now)
    {
        if !matches!(action, DeadlineAction::Release) {
            add_to_gauge(-1);
        }
        // The stream may have ended; its context then no longer exists.
        if hostcalls::set_effective_context(context).is_err() {
            continue;
        }
        match action {
            DeadlineAction::Continue => drop(hostcalls::resume_http_request()),
            DeadlineAction::Reply(reply, rule) => send_reply(&reply, rule),
            DeadlineAction::Release => drop(hostcalls::resume_http_response()),
        }
    }
    if DELAYED.with_borrow(Vec::is_empty) {
        ticking.set(false);
        let _ = hostcalls::set_tick_period(Duration::ZERO);
    }
}
