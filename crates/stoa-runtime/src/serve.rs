//! An app behind a socket: HTTP/1.1 with keep-alive, HTTP/2 for clients that begin with it, and a stop that lets running requests finish.
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

/// What a listener has for a method and path. The paths that Spin answers itself are always open.
pub type Filter = Arc<dyn Fn(&Method, &str) -> Exposure + Send + Sync>;

/// What a listener has for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exposure {
    /// The request goes to its component.
    Open,
    /// The path is open to these methods alone: 405 with `Allow`, and a problem document.
    OtherMethods(Vec<Method>),
    /// 404, with a problem document.
    Hidden,
}

/// How a listener serves.
#[derive(Clone)]
pub struct ServeOptions {
    /// Which requests this listener takes; None for all that have a route.
    pub filter: Option<Filter>,
    /// How long running requests may take to finish after `shutdown`. Default 10 s.
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

/// Serves `app` until `shutdown` completes. Then accepts no more, lets running requests finish within the grace period
/// (guests that have answered and go on working too), and cuts the rest. Several listeners may serve one app.
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

/// Takes connections until `shutdown` completes, and has `connection` serve each. Gives those that are open then: their receivers say true,
/// and they are to end with the request that they are at.
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
                    // Out of file descriptors, as a rule: others must close first.
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
    // Answers are small and written at once: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let client = HeaderValue::try_from(client.to_string());
    let client = client.unwrap_or(HeaderValue::from_static("unknown"));
    let limits = &app.shared().limits;
    let (head_timeout, max_head) = (limits.head_timeout, limits.max_request_head);
    let http2 = tokio::select! {
        biased;
        begun = tokio::time::timeout(head_timeout, begins_http2(&stream)) => match begun {
            Ok(Ok(http2)) => http2,
            // It has sent nothing in time, or has gone.
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
            // Finds a client that has gone without a word.
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
            // A connection that breaks concerns its client alone.
            _ = &mut connection => return,
            _ = stopping.wait_for(|stop| *stop) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// Whether the client speaks HTTP/2 from its first byte on ("prior knowledge"). Nothing is taken from the socket.
async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    /// Pause before the rest of a preface is looked for. Clients send it in one piece; a socket does not wake for more bytes while
    /// some are there.
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

/// In HTTP/2 a connection outlives any request, and hyper sends a body in response to HEAD if there is one.
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
