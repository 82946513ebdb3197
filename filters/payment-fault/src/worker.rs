//! The state and functions that all requests of a worker share: configuration, random bits, clock, counters and sending a reply.

use std::cell::{Cell, RefCell};
use std::time::{SystemTime, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::GrpcStatusCode;
use stoa_filter::envoy::{self, Metric};

use crate::config::{Config, HEADER_RULE, OLD_HEADER_RULE};
use crate::reply::Reply;

/// Response header with the name of the rule that injected the fault.
pub(crate) const RULE_HEADER: &str = "x-stoa-fault-rule";
/// The name under which the filter counts a header `x-stoa-fault` that it cannot read. In release 0.1 this name was `misread`.
pub(crate) const UNREADABLE: &str = "unreadable";

thread_local! {
    static DICE: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::with_seed(envoy::seed()));
}

/// Returns 64 random bits.
pub(crate) fn roll() -> u64 {
    DICE.with_borrow_mut(|dice| dice.u64(..))
}

pub(crate) fn now() -> SystemTime {
    hostcalls::get_current_time().unwrap_or(UNIX_EPOCH)
}

/// The current time in milliseconds since the Unix epoch.
pub(crate) fn now_millis() -> u64 {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn count(rule: &str, event: &str) {
    if let Some(counter) = Metric::counter(&["payment_fault.", rule, ".", event].concat()) {
        counter.add(1);
    }
}

/// Counts an event of a rule. Until release 0.3, an event of the rule [`HEADER_RULE`] is also counted under the old name of that
/// rule.
pub(crate) fn count_rule(rule: &str, event: &str) {
    count(rule, event);
    if rule == HEADER_RULE {
        let old_event = if event == UNREADABLE {
            "misread"
        } else {
            event
        };
        count(OLD_HEADER_RULE, old_event);
    }
}

/// A configuration. All requests to which the configuration applies share this value.
#[derive(Default)]
pub(crate) struct Plugin {
    /// `None` if the configuration was rejected. The filter then injects no faults.
    pub(crate) config: Option<Config>,
    /// Whether the tick of this configuration's root context is turned on.
    pub(crate) ticking: Cell<bool>,
}

/// Sends a reply of the filter instead of payment's response. The reply reports the name of `rule`, unless `rule` is `None`.
pub(crate) fn send_reply(reply: &Reply, rule: Option<String>) {
    let rule = rule.as_deref().map(|rule| (RULE_HEADER, rule));
    let _ = match reply {
        Reply::Http { status, body } => {
            let mut headers = vec![("content-type", "application/problem+json")];
            headers.extend(rule);
            hostcalls::send_http_response(u32::from(*status), headers, Some(body.as_bytes()))
        }
        Reply::Grpc(status) => {
            let rule = rule.map(|(name, rule)| (name, rule.as_bytes()));
            let status = grpc_status(*status);
            hostcalls::send_grpc_response(
                status,
                Some("fault injected"),
                rule.into_iter().collect(),
            )
        }
    };
}

/// Converts a gRPC status number to the SDK's type, which has only names. An unknown number becomes `Unknown`.
fn grpc_status(number: u32) -> GrpcStatusCode {
    use GrpcStatusCode::*;
    const BY_NUMBER: [GrpcStatusCode; 17] = [
        Ok,
        Cancelled,
        Unknown,
        InvalidArgument,
        DeadlineExceeded,
        NotFound,
        AlreadyExists,
        PermissionDenied,
        ResourceExhausted,
        FailedPrecondition,
        Aborted,
        OutOfRange,
        Unimplemented,
        Internal,
        Unavailable,
        DataLoss,
        Unauthenticated,
    ];
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    BY_NUMBER.get(index).copied().unwrap_or(Unknown)
}
