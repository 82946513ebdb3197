//! An audit every so often, and a page of metrics for whoever asks meanwhile.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::auditor::Auditor;
use crate::metrics::{CONTENT_TYPE, Tally};
use crate::shop::AuditError;
use crate::verdict::Verdict;

/// Where the page is.
const PATH: &str = "/metrics";
/// After a connection that could not be taken.
const BREATH: Duration = Duration::from_millis(100);

/// The page as it is now; a clone is the same page.
#[derive(Debug, Clone, Default)]
pub struct Page(Arc<Mutex<String>>);

impl Page {
    /// Writes it anew.
    pub fn set(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Audits at once, and then `every` so often until `stop` completes; an audit that takes longer puts off the next. Tells `heard`
/// of each, which may stop it by an error of its own. One that fails is not the last: a shop may come back.
///
/// # Errors
/// What `heard` answered.
pub async fn watch<E>(
    auditor: &mut Auditor,
    every: Duration,
    stop: impl Future<Output = ()>,
    mut heard: impl FnMut(&Tally, &Result<Verdict, AuditError>) -> Result<(), E>,
) -> Result<Tally, E> {
    let mut stop = std::pin::pin!(stop);
    let mut tally = Tally::default();
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let audit = async {
            ticks.tick().await;
            auditor.audit().await
        };
        tokio::select! {
            () = &mut stop => return Ok(tally),
            audit = audit => {
                tally.add(&audit);
                heard(&tally, &audit)?;
            }
        }
    }
}

/// Answers `GET /metrics` with `page`, for ever.
pub async fn serve(listener: TcpListener, page: Page) {
    let mut connections = JoinSet::new();
    loop {
        // Those that ended are let go of.
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, most likely: that does not pass at once.
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let page = page.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer(&request, &page);
            async move { Ok::<_, Infallible>(answer) }
        });
        connections.spawn(async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new());
            // A connection that breaks concerns its client alone.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(request: &Request<Incoming>, page: &Page) -> Response<Full<Bytes>> {
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, text) = match request.uri().path() {
        PATH if readable => (StatusCode::OK, page.text()),
        PATH => (StatusCode::METHOD_NOT_ALLOWED, "GET it\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, format!("metrics are at {PATH}\n")),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
    }
    let kind = if status == StatusCode::OK {
        CONTENT_TYPE
    } else {
        "text/plain; charset=utf-8"
    };
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
