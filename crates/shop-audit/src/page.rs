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

/// Path of the page.
const PATH: &str = "/metrics";
/// Pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The current page; a clone is the same page.
#[derive(Debug, Clone, Default)]
pub struct Page(Arc<Mutex<String>>);

impl Page {
    /// Replaces the text.
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

/// Answers `GET /metrics` with `page`, until it is dropped.
pub async fn serve(listener: TcpListener, page: Page) {
    let mut connections = JoinSet::new();
    loop {
        // Releases the connections that ended.
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // The likely cause is too many open files, which lasts a while.
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
        PATH if readable => (StatusCode::OK, page.text()),
        PATH => (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned()),
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
