//! Serves an app on a socket, with HTTP/1.1 and keep-alive, HTTP/2 with prior knowledge, and a graceful shutdown.
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

/// A function that decides whether a listener exposes a path (the second argument) to a request method (the first argument). The
/// paths below `/.well-known/spin/` are always exposed, so this function is not called for them.
pub type Filter = Arc<dyn Fn(&Method, &str) -> Exposure + Send + Sync>;

/// Whether a listener exposes the path of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exposure {
    /// The listener exposes the path. The request goes to the component of the path's route.
    Open,
    /// The listener exposes the path only to these methods. The request has another method, so it gets 405 with `Allow` and a
    /// problem document.
    OnlyMethods(Vec<Method>),
    /// The listener does not expose the path. The request gets 404 and a problem document.
    Hidden,
}

/// The settings of a listener.
#[derive(Clone)]
pub struct ServeOptions {
    /// The function that decides which requests the listener exposes. None: the listener exposes every route.
    pub filter: Option<Filter>,
    /// The grace period: the time within which running requests may finish after the shutdown has begun. Default 10 s.
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

/// Serves `app` until `shutdown` completes. Afterwards, new requests are not accepted. Running requests may finish within the grace
/// period, and are cut off at its end. A guest that continues after its response counts as a running request. Several listeners may
/// serve one app.
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
    let drained = async {
        while connections.join_next().await.is_some() {}
        while app.shared().admissions.running_requests() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = drained => {}
        () = sleep_until(end) => {
            let running = app.shared().admissions.running_requests();
            tracing::warn!(running, "requests cut off: the grace period is over");
        }
    }
    connections.shutdown().await;
}

/// Accepts connections until `shutdown` completes, and runs `connection` for each of them. Once `shutdown` has completed, the
/// receiver that `connection` got holds true, and the connection must end after its current request. Returns the connections that
/// are still open.
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
                    // The usual cause is a lack of file descriptors. During this pause, other connections may close and so free
                    // file descriptors.
                    tracing::warn!(%error, "cannot accept a connection");
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
    // A response is small and is written at once. Without the option TCP_NODELAY, the system would wait for a full packet, which
    // only delays the response.
    let _ = stream.set_nodelay(true);
    let client = HeaderValue::try_from(client.to_string());
    let client = client.unwrap_or(HeaderValue::from_static("unknown"));
    let limits = &app.shared().limits;
    let (head_timeout, max_head) = (limits.head_timeout, limits.max_request_head);
    let http2 = tokio::select! {
        biased;
        begun = tokio::time::timeout(head_timeout, begins_http2(&stream)) => match begun {
            Ok(Ok(http2)) => http2,
            // The client did not send anything in time, or has disconnected.
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
            // An error of the connection affects only its client, so the error is ignored.
            _ = &mut connection => return,
            _ = stopping.wait_for(|stop| *stop) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// Returns true if the client begins the connection with the preface of HTTP/2 ("prior knowledge"). The bytes are not removed from
/// the socket.
async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    /// Poll interval for the rest of a preface that has arrived in part. Polling is needed because a socket with unread bytes does
    /// not wake its reader for more bytes. Such a preface is rare, because clients send the preface in one piece.
    const PREFACE_POLL_INTERVAL: Duration = Duration::from_millis(5);
    let mut buffer = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut buffer).await?;
        let received = buffer.get(..length).unwrap_or_default();
        if length == 0 || !PREFACE.starts_with(received) {
            return Ok(false);
        }
        if length == PREFACE.len() {
            return Ok(true);
        }
        tokio::time::sleep(PREFACE_POLL_INTERVAL).await;
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
        Some(filter) if !well_known::is_runtime_path(path) => filter(method, path),
        _ => Exposure::Open,
    };
    if request.version() == Version::HTTP_2 {
        let head = *method == Method::HEAD;
        let response = handle(app, request, client, exposure).await;
        return adapt_to_http2(response, head);
    }
    let (request, leftover) = Leftover::watch(request);
    let mut response = handle(app, request, client, exposure).await;
    if !leftover.discard().await {
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
        Exposure::Hidden => Problem::NotFound.response(&ProblemContext::from_request(&request)),
        Exposure::OnlyMethods(methods) => {
            let mut response =
                Problem::MethodNotAllowed.response(&ProblemContext::from_request(&request));
            let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
            if let Ok(allow) = HeaderValue::try_from(methods.join(", ")) {
                response.headers_mut().insert(header::ALLOW, allow);
            }
            response
        }
    }
}

/// Adapts a response to HTTP/2. The header `connection` is removed, because HTTP/2 does not allow it. The body of a response to
/// HEAD is removed, because hyper would send the body.
fn adapt_to_http2(mut response: Response<Body>, head: bool) -> Response<Body> {
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
