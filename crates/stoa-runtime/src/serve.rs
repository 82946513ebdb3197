//! Serves an app on a socket: HTTP/1.1 with keep-alive, HTTP/2 with prior knowledge, and a graceful shutdown.
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::app::LoadedApp;
use crate::body::{Body, BodyError, empty};
use crate::leftover::Leftover;
use crate::problem::{Problem, ProblemContext};
use crate::well_known;

/// What a listener exposes for a method and path. The paths of `/.well-known/spin/` are always open.
pub type Filter = Arc<dyn Fn(&Method, &str) -> Exposure + Send + Sync>;

/// What a listener exposes for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exposure {
    /// The request goes to its component.
    Open,
    /// The path is open only to these methods. Other methods get 405 with `Allow`, and a problem document.
    OtherMethods(Vec<Method>),
    /// 404, with a problem document.
    Hidden,
}

/// How a listener serves.
#[derive(Clone)]
pub struct ServeOptions {
    /// Which requests this listener accepts. None: all that have a route.
    pub filter: Option<Filter>,
    /// Grace period for running requests after `shutdown`. Default 10 s.
    pub grace: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            filter: None,
            grace: Duration::from_secs(10),
        }
    }
}

/// Serves `app` until `shutdown` completes. Then it accepts no more requests, lets running ones finish within the grace period,
/// and cuts off the rest. A guest that continues after its response counts as running. Several listeners may serve one app.
pub async fn serve(
    listener: TcpListener,
    app: Arc<LoadedApp>,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) {
    let mut connections = accept(listener, shutdown, |stream, client, stopping| {
        let (app, filter) = (Arc::clone(&app), options.filter.clone());
        connection(stream, client, app, filter, stopping)
    })
    .await;
    let end = Instant::now() + options.grace;
    let quiet = async {
        while connections.join_next().await.is_some() {}
        while app.shared().admissions.running() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = quiet => {}
        () = sleep_until(end) => {
            let running = app.shared().admissions.running();
            tracing::warn!(running, "requests cut off: the grace period is over");
        }
    }
    connections.shutdown().await;
}

/// Accepts connections until `shutdown` completes, and serves each with `connection`. Returns those that are still open: their
/// receivers then hold true, and each must end after its current request.
pub async fn accept<C: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
    connection: impl Fn(TcpStream, SocketAddr, watch::Receiver<bool>) -> C,
) -> JoinSet<()> {
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    connections.spawn(connection(stream, client, stopping.clone()));
                }
                Err(error) => {
                    // Usually out of file descriptors: other connections must close first.
                    tracing::warn!(%error, "no connection accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    let _ = stop.send(true);
    connections
}

async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    app: Arc<LoadedApp>,
    filter: Option<Filter>,
    mut stopping: watch::Receiver<bool>,
) {
    // Responses are small and written at once: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let client = HeaderValue::try_from(client.to_string());
    let client = client.unwrap_or(HeaderValue::from_static("unknown"));
    let limits = &app.shared().limits;
    let (head_timeout, max_head) = (limits.head_timeout, limits.max_request_head);
    let http2 = tokio::select! {
        biased;
        begun = tokio::time::timeout(head_timeout, begins_http2(&stream)) => match begun {
            Ok(Ok(http2)) => http2,
            // The client sent nothing in time, or has disconnected.
            Ok(Err(_)) | Err(_) => return,
        },
        _ = stopping.wait_for(|stop| *stop) => return,
    };
    let stream = TokioIo::new(stream);
    let service = service_fn(move |request: Request<Incoming>| {
        let (app, client, filter) = (Arc::clone(&app), client.clone(), filter.clone());
        async move { Ok::<_, Infallible>(respond(&app, request, client, filter).await) }
    });
    if http2 {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            // Detects a client that vanished without closing the connection.
            .keep_alive_interval(head_timeout)
            .max_header_list_size(u32::try_from(max_head).unwrap_or(u32::MAX));
        let mut connection = pin!(http.serve_connection(stream, service));
        tokio::select! {
            _ = &mut connection => return,
            _ = stopping.wait_for(|stop| *stop) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    } else {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_header_size(max_head);
        let mut connection = pin!(http.serve_connection(stream, service));
        tokio::select! {
            // A broken connection affects only its own client.
            _ = &mut connection => return,
            _ = stopping.wait_for(|stop| *stop) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// Whether the client speaks HTTP/2 from the first byte ("prior knowledge"). The bytes stay in the socket.
async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    /// Pause before the socket is checked again for the rest of a preface. Clients send the preface in one piece. A socket with
    /// unread bytes does not wake its reader for more.
    const PAUSE: Duration = Duration::from_millis(5);
    let mut begin = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut begin).await?;
        let here = begin.get(..length).unwrap_or_default();
        if length == 0 || !PREFACE.starts_with(here) {
            return Ok(false);
        }
        if length == PREFACE.len() {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn respond(
    app: &Arc<LoadedApp>,
    request: Request<Incoming>,
    client: HeaderValue,
    filter: Option<Filter>,
) -> Response<Body> {
    let (method, path) = (request.method(), request.uri().path());
    let exposure = match filter {
        Some(filter) if !well_known::is_one(path) => filter(method, path),
        _ => Exposure::Open,
    };
    if request.version() == Version::HTTP_2 {
        let head = *method == Method::HEAD;
        let response = handle(app, request, client, exposure).await;
        return for_http2(response, head);
    }
    let (request, leftover) = Leftover::watch(request);
    let mut response = handle(app, request, client, exposure).await;
    if !leftover.is_read().await {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

async fn handle<B>(
    app: &Arc<LoadedApp>,
    request: Request<B>,
    client: HeaderValue,
    exposure: Exposure,
) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    match exposure {
        Exposure::Open => app.handle_from(request, client).await,
        Exposure::Hidden => Problem::NotFound.response(&ProblemContext::of(&request)),
        Exposure::OtherMethods(methods) => {
            let mut response = Problem::MethodNotAllowed.response(&ProblemContext::of(&request));
            let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
            if let Ok(allow) = HeaderValue::try_from(methods.join(", ")) {
                response.headers_mut().insert(header::ALLOW, allow);
            }
            response
        }
    }
}

/// Adapts a response: in HTTP/2 a connection outlives any request, and hyper would send the body of a response to HEAD.
fn for_http2(mut response: Response<Body>, head: bool) -> Response<Body> {
    response.headers_mut().remove(header::CONNECTION);
    if !head {
        return response;
    }
    if let Some(length @ 1..) = response.body().size_hint().exact() {
        let declared = response.headers_mut().entry(header::CONTENT_LENGTH);
        declared.or_insert(HeaderValue::from(length));
    }
    response.map(|_| empty())
}
