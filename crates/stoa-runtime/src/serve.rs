//! An app behind a socket: HTTP/1.1 with keep-alive, and a stop that lets running requests finish.
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::app::LoadedApp;
use crate::problem::{Asked, Problem};

/// Says whether a listener exposes a method and path. What it does not is 404, with a problem document.
pub type Filter = Arc<dyn Fn(&Method, &str) -> bool + Send + Sync>;

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
        while app.shared().running() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = quiet => {}
        () = sleep_until(end) => {
            let running = app.shared().running();
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
    let mut shutdown = std::pin::pin!(shutdown);
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
    let service = service_fn(move |request: Request<Incoming>| {
        let (app, client) = (Arc::clone(&app), client.clone());
        let hidden = filter
            .as_ref()
            .is_some_and(|exposed| !exposed(request.method(), request.uri().path()));
        async move {
            let response = if hidden {
                Problem::NotFound.response(&Asked::of(&request))
            } else {
                app.handle_from(request, client).await
            };
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_header_size(max_head);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // A connection that breaks concerns its client alone.
        _ = &mut connection => return,
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
