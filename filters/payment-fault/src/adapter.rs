//! The filter in Envoy: its configuration, its clock and dice, and the calls that tell a caller something.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, GrpcStatusCode};
use stoa_filter::envoy::{self, Metric};

use crate::config::Config;
use crate::reply::Reply;
use crate::stream::Stream;
use crate::waiting;

/// Tells which rule acted.
pub(crate) const TOLD_HEADER: &str = "x-stoa-fault-rule";

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { plugin: Rc::default() }));
}}

thread_local! {
    static DICE: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::with_seed(envoy::seed()));
}

pub(crate) fn roll() -> u64 {
    DICE.with_borrow_mut(|dice| dice.u64(..))
}

pub(crate) fn now() -> SystemTime {
    hostcalls::get_current_time().unwrap_or(UNIX_EPOCH)
}

/// Since the epoch.
pub(crate) fn millis() -> u64 {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn count(rule: &str, what: &str) {
    if let Some(counter) = Metric::counter(&["payment_fault.", rule, ".", what].concat()) {
        counter.add(1);
    }
}

/// What one configuration is to its requests.
#[derive(Default)]
pub(crate) struct Plugin {
    /// `None`: it was refused, and nothing is injected.
    pub(crate) config: Option<Config>,
    pub(crate) ticking: Cell<bool>,
}

struct Root {
    plugin: Rc<Plugin>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let Some(config) = envoy::configuration("payment-fault", size, Config::parse) else {
            return false;
        };
        self.plugin = Rc::new(Plugin {
            config: Some(config),
            ticking: Cell::new(false),
        });
        true
    }

    fn on_tick(&mut self) {
        waiting::let_go(millis(), &self.plugin.ticking);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(Rc::clone(&self.plugin), id)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Answers in payment's place.
pub(crate) fn send(reply: &Reply, told: Option<String>) {
    let told = told.as_deref().map(|rule| (TOLD_HEADER, rule));
    let _ = match reply {
        Reply::Http { status, body } => {
            let mut headers = vec![("content-type", "application/problem+json")];
            headers.extend(told);
            hostcalls::send_http_response(u32::from(*status), headers, Some(body.as_bytes()))
        }
        Reply::Grpc(status) => {
            let told = told.map(|(name, rule)| (name, rule.as_bytes()));
            let status = grpc_status(*status);
            hostcalls::send_grpc_response(
                status,
                Some("fault injected"),
                told.into_iter().collect(),
            )
        }
    };
}

/// The SDK knows them by name only.
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
