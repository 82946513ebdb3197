//! Timers: periodic calls of operations, in this process or through the mesh.

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
use crate::route::takes;
use crate::stopping::stopped;

/// Bytes of a failed call's response that are logged.
const DETAIL: usize = 500;

/// The target of the calls.
#[derive(Clone)]
pub(crate) enum Callee {
    /// The application, in this process.
    App(Arc<LoadedApp>),
    /// The workloads of a mesh, called as an operator calls them.
    Mesh(Arc<Operator>),
}

/// The running timers.
pub(crate) struct Timers(JoinSet<()>);

/// Starts a task for each timer whose path a component of `apps` answers. It logs the other timers: with `--components`, only a
/// part of the application runs. The tasks end when `stopping` closes, after the call in progress.
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
            "these timers are off: no component that runs answers them"
        );
    }
    for timer in timers {
        tracing::debug!(operation = timer.operation, every = ?timer.period, "timer");
        tasks.spawn(run(timer, callee.clone(), stopping.clone()));
    }
    Timers(tasks)
}

impl Timers {
    /// Waits until the calls in progress have ended, but no longer than `limit`.
    pub(crate) async fn ended(mut self, limit: Duration) {
        let all = async { while self.0.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("a timer's call was cut off");
        }
    }
}

/// Calls, waits, and calls again. A call that takes longer than the period delays the next one, so calls never overlap.
async fn run(timer: Timer, callee: Callee, stopping: watch::Receiver<()>) {
    let mut stop = std::pin::pin!(stopped(stopping));
    // Without the jitter, timers with the same period would always call at the same moment.
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
            tracing::error!(operation = timer.operation, %error, "timer cannot call");
            return;
        }
    };
    let response = match callee {
        Callee::App(app) => app.handle(request).await,
        Callee::Mesh(operator) => operator.call(request).await,
    };
    let status = response.status();
    // Read to the end: the guest may still be writing it.
    let read = response.into_body().collect().await;
    let detail = match read {
        Ok(_) if status.is_success() => return,
        Ok(body) => {
            let body = body.to_bytes();
            String::from_utf8_lossy(body.get(..DETAIL).unwrap_or(&body)).into_owned()
        }
        Err(error) => format!("the response broke off: {error}"),
    };
    tracing::warn!(
        operation = timer.operation,
        status = status.as_u16(),
        detail,
        "timer's call failed"
    );
}

/// Whether a public route of `app` matches `path`.
fn is_answered(path: &str, app: &App) -> bool {
    app.routes.iter().any(|route| match &route.path {
        RoutePath::Public(route) => takes(route, path),
        RoutePath::Private => false,
    })
}

/// A random duration below `period`.
fn jitter(period: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(0_u8);
    let millis = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(random % millis)
}
