//! Runs the timers, which call operations periodically, in this process or through the mesh.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use stoa_manifest::{App, RoutePath};
use stoa_runtime::LoadedApp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::document::Timer;
use crate::operator::Operator;
use crate::route::matches_path;
use crate::stopping::stopped;

/// If a timer's call fails, the beginning of the response body is logged, at most this number of bytes.
const LOGGED_BODY_BYTES: usize = 500;

/// The target of the timers' calls.
#[derive(Clone)]
pub(crate) enum Callee {
    /// The application, which runs in this process.
    App(Arc<LoadedApp>),
    /// The workloads of a mesh. The calls reach the workloads in the same way as the operator's requests do.
    Mesh(Arc<Operator>),
}

/// The running timers.
pub(crate) struct Timers(JoinSet<()>);

/// Starts a task for each timer whose path matches a route of `apps`. A timer whose path matches no route is not started, but only
/// logged. Such timers exist if `--components` selects only a part of the application. When `stopping` closes, each task finishes
/// its call in progress and then ends.
pub(crate) fn start(
    timers: impl Iterator<Item = Timer>,
    apps: &[&App],
    callee: &Callee,
    stopping: &watch::Receiver<()>,
) -> Timers {
    let mut tasks = JoinSet::new();
    let (timers, idle): (Vec<_>, Vec<_>) =
        timers.partition(|timer| apps.iter().any(|app| is_answered(&timer.path, app)));
    if !idle.is_empty() {
        let idle: Vec<_> = idle.iter().map(|timer| timer.operation.as_str()).collect();
        tracing::info!(
            operations = idle.join(", "),
            "these timers are off, because no running component has a route for their paths"
        );
    }
    for timer in timers {
        tracing::debug!(operation = timer.operation, every = ?timer.period, "started a timer");
        tasks.spawn(run(timer, callee.clone(), stopping.clone()));
    }
    Timers(tasks)
}

impl Timers {
    /// Waits until the calls in progress have ended, but no longer than `limit`.
    pub(crate) async fn wait_for_calls(mut self, limit: Duration) {
        let all = async { while self.0.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("the grace period is over; a timer's call in progress is cut off");
        }
    }
}

/// Calls the operation of one timer again and again. The timer's period is the time from the end of one call to the start of the
/// next call, so calls never overlap.
async fn run(timer: Timer, callee: Callee, stopping: watch::Receiver<()>) {
    let mut stop = std::pin::pin!(stopped(stopping));
    // The wait before the first call is random. Otherwise all timers with the same period would call at the same moment.
    let mut wait = jitter(timer.period);
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(wait) => {}
        }
        call(&timer, &callee).await;
        wait = timer.period;
    }
}

async fn call(timer: &Timer, callee: &Callee) {
    let request = Request::builder()
        .method(timer.method.clone())
        .uri(timer.path.as_str())
        .header(http::header::HOST, "localhost")
        .body(stoa_runtime::body::empty());
    let request = match request {
        Ok(request) => request,
        Err(error) => {
            tracing::error!(operation = timer.operation, %error, "cannot build the request of a timer");
            return;
        }
    };
    let response = match callee {
        Callee::App(app) => app.handle(request).await,
        Callee::Mesh(operator) => operator.call(request).await,
    };
    let status = response.status();
    // The response body is read to its end, because the component may still be writing it.
    let read = response.into_body().collect().await;
    let detail = match read {
        Ok(_) if status.is_success() => return,
        Ok(body) => {
            let body = body.to_bytes();
            String::from_utf8_lossy(body.get(..LOGGED_BODY_BYTES).unwrap_or(&body)).into_owned()
        }
        Err(error) => format!("the response body ended early: {error}"),
    };
    tracing::warn!(
        operation = timer.operation,
        status = status.as_u16(),
        detail,
        "the call of a timer failed"
    );
}

/// True if a route of `app` matches `path`. Private routes do not count, because a timer cannot call them.
fn is_answered(path: &str, app: &App) -> bool {
    app.routes.iter().any(|route| match &route.path {
        RoutePath::Public(route) => matches_path(route, path),
        RoutePath::Private => false,
    })
}

/// A random duration that is shorter than `period`.
fn jitter(period: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(0_u8);
    let millis = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(random % millis)
}
