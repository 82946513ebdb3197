//! What all requests of a worker share: the configuration, the dice, the clock, the counters, and how a reply is sent.

use std::cell::{Cell, RefCell};
use std::time::{SystemTime, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::GrpcStatusCode;
use stoa_filter::envoy::{self, Metric};

use crate::config::Config;
use crate::reply::Reply;

/// Response header that reports which rule acted.
pub(crate) const RULE_HEADER: &str = "x-stoa-fault-rule";

thread_local! {
    static DICE: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::with_seed(envoy::seed()));
}

/// 64 random bits.
pub(crate) fn roll() -> u64 {
    DICE.with_borrow_mut(|dice| dice.u64(..))
}

pub(crate) fn now() -> SystemTime {
    hostcalls::get_current_time().unwrap_or(UNIX_EPOCH)
}

/// Milliseconds since the epoch.
pub(crate) fn millis() -> u64 {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn count(rule: &str, what: &str) {
    if let Some(counter) = Metric::counter(&["payment_fault.", rule, ".", what].concat()) {
        counter.add(1);
    }
}

/// One configuration, shared by its requests.
#[derive(Default)]
pub(crate) struct Plugin {
    /// `None`: it was rejected, and nothing is injected.
    pub(crate) config: Option<Config>,
    /// Whether its root context has a tick.
    pub(crate) ticking: Cell<bool>,
}

/// Replies in the place of payment. `rule` is reported, if it is given.
pub(crate) fn send(reply: &Reply, rule: Option<String>) {
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

/// The SDK's type has names only.
fn grpc_status(number: u32) -> GrpcStatusCode {
    use GrpcStatusCode::*;
    const ALL: [GrpcStatusCode; 17] = [
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
    ALL.get(index).copied().unwrap_or(Unknown)
}
