//! One request: a fresh instance, its response, and its end. The guest runs within the caller's task. The rest of the guest moves
//! to a task of its own only if it continues after its response, or if its client disconnects.
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
use crate::response::{of_ended, of_running};
use crate::shared::Shared;

/// A request and the component that answers it.
pub(crate) struct Job {
    pub(crate) shared: Arc<Shared>,
    /// The other components of its app.
    pub(crate) local: Arc<dyn LocalService>,
    pub(crate) component: Arc<LoadedComponent>,
    pub(crate) request: Request<Body>,
    /// The progress of the request's body.
    pub(crate) intake: Intake,
    /// For the response if the guest sends none.
    pub(crate) context: ProblemContext,
    /// The number of in-process calls that led to this one.
    pub(crate) depth: u32,
    /// Held until the guest has returned.
    pub(crate) admission: Option<Admission>,
}

type Answer = Result<Response<Body>, ErrorCode>;

/// Runs a fresh instance until it has answered.
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
            of_running(response, &method).unwrap_or_else(|unsendable| failed(&unsendable))
        }
        // Nothing has been sent yet. A complete response is sent, whatever the guest did afterwards.
        (Ok(Ok(response)), Some(end)) => match (of_ended(response, &method, end.is_ok()), end) {
            (Ok(response), _) | (Err(_), Err(response)) => response,
            (Err(unsendable), Ok(())) => failed(&unsendable),
        },
        (Ok(Err(code)), _) => failed(&format_args!("it answered with an error: {code:?}")),
        (Err(_), Some(Err(response))) => response,
        (Err(_), _) => failed(&"it returned without an answer"),
    }
}

/// The running guest. If it is dropped before it ends, the guest continues in the background.
struct Guest(Option<Pin<Box<dyn Future<Output = End> + Send>>>);

/// How a guest ended: without a failure, or with the response for the client.
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
    job.shared.ticker.touch();
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
    // Two ticks at first, because one of them has already begun: a cheap request finishes before it would yield.
    store.set_epoch_deadline(2);
    // tokio's own yield: it polls network events and timers before a computing guest continues.
    store.epoch_deadline_callback(|_| {
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    let calling = call(&component, &mut store, job.request, answer);
    let failure = match within(limits.request_timeout, calling).await {
        Some(result) => match result {
            Ok(()) => None,
            // A guest's early return.
            Err(error) if error.downcast_ref().is_some_and(|I32Exit(code)| *code == 0) => None,
            Err(error) => Some(Failure::of(&error, store.data().memory.refused, limits)),
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

/// The output of `work`, or None if it takes longer than `limit`. The timer is set only if `work` does not complete at once.
async fn within<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
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

/// Why a guest failed; its text goes to the log.
enum Failure {
    TimedOut(Duration),
    /// The client's fault, not the guest's.
    BodyLate(Duration),
    Memory {
        wanted: usize,
        limit: usize,
    },
    NoInstance(String),
    Trapped(String),
}

impl Failure {
    fn of(error: &wasmtime::Error, refused: Option<usize>, limits: &Limits) -> Self {
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::NoInstance(error.to_string());
        }
        // A guest that gets no more memory aborts, which is a trap like any other.
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
                    "cut off by the time limit: still running after {limit:?}"
                )
            }
            Self::BodyLate(limit) => write!(
                f,
                "cut off by the time limit: the request's body was not there after {limit:?}"
            ),
            Self::Memory { wanted, limit } => write!(
                f,
                "cut off by the memory limit: the guest wanted {wanted} bytes in all, of {limit}"
            ),
            Self::NoInstance(why) => write!(f, "no instance is free: {why}"),
            Self::Trapped(why) => write!(f, "trapped: {why}"),
        }
    }
}
