//! Runs one request in a fresh instance. The guest runs within the caller's task. If the guest continues after its response, or
//! the client disconnects, a background task runs the rest of the guest.
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};

use crate::admission::Admission;
use crate::body::Body;
use crate::config::Limits;
use crate::host::state::HostState;
use crate::intake::{Intake, Progress};
use crate::load::LoadedComponent;
use crate::local_service::LocalService;
use crate::problem::{Problem, ProblemContext};
use crate::response::{from_ended_guest, from_running_guest};
use crate::shared::Shared;

/// A request to run, with the component that answers it.
pub(crate) struct Job {
    pub(crate) shared: Arc<Shared>,
    /// The components of the app, for in-process calls.
    pub(crate) local: Arc<dyn LocalService>,
    pub(crate) component: Arc<LoadedComponent>,
    pub(crate) request: Request<Body>,
    /// The progress of the request's body.
    pub(crate) intake: Intake,
    /// The values for the problem document that the runtime sends if the guest does not send a response.
    pub(crate) context: ProblemContext,
    /// The number of nested in-process calls that led to this request.
    pub(crate) depth: u32,
    /// The right to run this request. It is held until the guest has returned. None for an in-process call, which needs no right.
    pub(crate) admission: Option<Admission>,
}

type Answer = Result<Response<Body>, ErrorCode>;

/// Runs the request in a fresh instance until there is a response for the client. The guest may continue after that.
pub(crate) async fn run(job: Job) -> Response<Body> {
    let (component, context) = (Arc::clone(&job.component), job.context.clone());
    let method = job.request.method().clone();
    let failed = |reason: &dyn fmt::Display| {
        let request_id = context.request_id();
        tracing::error!(component = %component.id, %reason, request_id, "component failed");
        Problem::Failed.response_as(&context, &request_id)
    };
    let (sender, mut answer) = oneshot::channel();
    let mut guest = Guest(Some(Box::pin(drive(job, sender))));
    let mut outcome = None;
    let answer = poll_fn(|cx| {
        if outcome.is_none()
            && let Poll::Ready(end) = guest.poll(cx)
        {
            outcome = Some(end);
        }
        Pin::new(&mut answer).poll(cx)
    })
    .await;
    match (answer, outcome) {
        (Ok(Ok(response)), None) => {
            from_running_guest(response, &method).unwrap_or_else(|unsendable| failed(&unsendable))
        }
        // The guest has ended before any part of its response was sent. If the response is complete, it is sent even if the guest
        // failed afterwards.
        (Ok(Ok(response)), Some(end)) => {
            match (from_ended_guest(response, &method, end.is_ok()), end) {
                (Ok(response), _) | (Err(_), Err(response)) => response,
                (Err(unsendable), Ok(())) => failed(&unsendable),
            }
        }
        (Ok(Err(code)), _) => failed(&format_args!("the guest answered with an error: {code:?}")),
        (Err(_), Some(Err(response))) => response,
        (Err(_), _) => failed(&"the guest returned without a response"),
    }
}

/// The running guest. If this value is dropped before the guest ends, a background task continues the guest.
struct Guest(Option<Pin<Box<dyn Future<Output = End> + Send>>>);

/// How a guest ended: without a failure, or with a failure and the error response for the client.
type End = Result<(), Response<Body>>;

impl Guest {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let Some(future) = &mut self.0 else {
            return Poll::Pending;
        };
        let end = std::task::ready!(future.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(end)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(rest) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(rest);
        }
    }
}

async fn drive(job: Job, answer: oneshot::Sender<Answer>) -> End {
    let component = job.component;
    let limits = &job.shared.limits;
    job.shared.ticker.wake();
    let _admission = job.admission;
    let state = HostState::new(
        Arc::clone(&component.grants),
        job.local,
        job.depth,
        limits.memory_per_instance,
        &job.shared.output,
    );
    let mut store = Store::new(component.pre.engine(), state);
    store.limiter(|state| &mut state.memory);
    // The guest's first deadline is two ticks away, because the current tick has already begun. So a short request finishes without
    // a yield.
    store.set_epoch_deadline(2);
    // With tokio's yield, tokio polls network events and timers before it continues a computing guest.
    store.epoch_deadline_callback(|_| {
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    let calling = call(&component, &mut store, job.request, answer);
    let failure = match with_time_limit(limits.request_timeout, calling).await {
        Some(result) => match result {
            Ok(()) => None,
            // The guest called exit(0), which counts as a normal return.
            Err(error) if error.downcast_ref().is_some_and(|I32Exit(code)| *code == 0) => None,
            Err(error) => Some(Failure::from_error(
                &error,
                store.data().memory.refused,
                limits,
            )),
        },
        None if job.intake.progress() == Progress::Awaited => {
            Some(Failure::BodyLate(limits.request_timeout))
        }
        None => Some(Failure::TimedOut(limits.request_timeout)),
    };
    let Some(failure) = failure else {
        store.data_mut().returned = true;
        return Ok(());
    };
    let (id, reason, request_id) = (&component.id, &failure, job.context.request_id());
    if matches!(failure, Failure::BodyLate(_)) {
        tracing::warn!(component = %id, %reason, request_id, "request cut off");
    } else {
        tracing::error!(component = %id, %reason, request_id, "component failed");
    }
    Err(failure.problem().response_as(&job.context, &request_id))
}

async fn call(
    component: &LoadedComponent,
    store: &mut Store<HostState>,
    request: Request<Body>,
    answer: oneshot::Sender<Answer>,
) -> wasmtime::Result<()> {
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(Scheme::Http, request)?;
    let out = http.new_response_outparam(answer)?;
    let instance = component.pre.instantiate_async(&mut *store).await?;
    let handler = instance.wasi_http_incoming_handler();
    handler.call_handle(store, request, out).await
}

/// Returns the output of `work`, or None if `work` takes longer than `limit`. Unlike tokio's `timeout`, this function creates a
/// timer only if the first poll does not complete `work`.
async fn with_time_limit<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    let mut work = std::pin::pin!(work);
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    poll_fn(move |cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        let timer = timer.get_or_insert_with(|| {
            let end = Instant::now() + limit;
            Box::pin(tokio::time::sleep_until(end))
        });
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// The reason why a guest failed. The runtime writes the reason to the log.
enum Failure {
    /// The guest still ran at the time limit.
    TimedOut(Duration),
    /// The guest still waited for the client's request body at the time limit.
    BodyLate(Duration),
    /// The guest trapped after it had requested more memory than the limit. `wanted` and `limit` are in bytes.
    Memory {
        wanted: usize,
        limit: usize,
    },
    /// No instance in the pool is free.
    NoInstance(String),
    Trapped(String),
}

impl Failure {
    fn from_error(error: &wasmtime::Error, refused: Option<usize>, limits: &Limits) -> Self {
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::NoInstance(error.to_string());
        }
        // If a guest does not get more memory, the guest aborts, so its error is a trap. The log names the memory limit instead of
        // the trap, because the memory limit is the more useful reason.
        if let Some(wanted) = refused {
            let limit = limits.memory_per_instance;
            return Self::Memory { wanted, limit };
        }
        match error.downcast_ref::<Trap>() {
            Some(trap) => Self::Trapped(trap.to_string()),
            None => Self::Trapped(error.root_cause().to_string()),
        }
    }

    fn problem(&self) -> Problem {
        match self {
            Self::TimedOut(_) => Problem::TimedOut,
            Self::BodyLate(_) => Problem::BodyLate,
            Self::NoInstance(_) => Problem::Busy,
            Self::Memory { .. } | Self::Trapped(_) => Problem::Failed,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(limit) => {
                write!(
                    f,
                    "cut off by the time limit: the guest still ran after {limit:?}"
                )
            }
            Self::BodyLate(limit) => write!(
                f,
                "cut off by the time limit: the request body was incomplete after {limit:?}"
            ),
            Self::Memory { wanted, limit } => write!(
                f,
                "cut off by the memory limit: the guest requested {wanted} bytes in all, but the limit is {limit}"
            ),
            Self::NoInstance(why) => write!(f, "no instance is free: {why}"),
            Self::Trapped(why) => write!(f, "trapped: {why}"),
        }
    }
}
