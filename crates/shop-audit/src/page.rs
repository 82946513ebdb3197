//! Serves the metrics at `GET /metrics`.

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

use crate::metrics::CONTENT_TYPE;

/// Path at which the metrics are served.
const METRICS_PATH: &str = "/metrics";
/// Pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The text that is served now. All clones share one text.
#[derive(Debug, Clone, Default)]
pub struct Page(Arc<Mutex<String>>);

impl Page {
    /// Replaces the text for all clones.
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

/// Answers `GET /metrics` with the current text of `page`, until the future is dropped.
pub async fn serve(listener: TcpListener, page: Page) {
    let mut connections = JoinSet::new();
    loop {
        // Removes the tasks of connections that have ended.
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // `accept` probably failed because too many files are open, so an immediate retry would fail too.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let page = page.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let response = respond(&request, &page);
            async move { Ok::<_, Infallible>(response) }
        });
        connections.spawn(async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new());
            // A broken connection affects only its client.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn respond(request: &Request<Incoming>, page: &Page) -> Response<Full<Bytes>> {
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, text) = match request.uri().path() {
        METRICS_PATH if readable => (StatusCode::OK, page.text()),
        METRICS_PATH => (
            StatusCode::METHOD_NOT_ALLOWED,
            "method not allowed; use GET or HEAD\n".to_owned(),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            format!("path not found; the metrics are at {METRICS_PATH}\n"),
        ),
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
