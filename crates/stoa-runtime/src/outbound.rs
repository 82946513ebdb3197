//! Sends the requests that leave this process: with pooled connections, with TLS for https URLs, and through the app's proxy if one
//! is configured.
use std::collections::BTreeMap;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tower_service::Service;
use wasmtime_wasi_http::{Error, RequestOptions};

use crate::body::Body;

/// The time after which an unused connection is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_IDLE_CONNECTIONS_PER_HOST: usize = 64;

tokio::task_local! {
    /// The connect timeout that the guest set. The connector reads this value within the task that sends the guest's request.
    static CONNECT_TIMEOUT: Option<Duration>;
}

/// The HTTP client of one app.
pub(crate) struct Client {
    connector: Connector,
    plain: OnceLock<legacy::Client<Connector, Body>>,
    tls: OnceLock<legacy::Client<HttpsConnector<Connector>, Body>>,
}

impl Client {
    pub(crate) fn new(proxy: Option<SocketAddr>, hosts: BTreeMap<String, SocketAddr>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self {
            connector: Connector {
                tcp,
                proxy,
                hosts: Arc::new(hosts),
            },
            plain: OnceLock::new(),
            tls: OnceLock::new(),
        }
    }

    /// Sends `request`, and waits for the head of the response. The request's URI must be absolute.
    pub(crate) async fn send(
        &self,
        mut request: Request<Body>,
        timeouts: RequestOptions,
    ) -> Result<Response<Body>, Error> {
        let secure = request.uri().scheme() == Some(&Scheme::HTTPS);
        if secure && self.connector.proxy.is_some() {
            tracing::warn!(url = %request.uri(), "https request rejected: the request would bypass the proxy");
            return Err(Error::HttpRequestDenied);
        }
        if !request.headers().contains_key(header::HOST) {
            return Err(Error::HttpRequestUriInvalid);
        }
        absolute_path(request.uri_mut());
        let sent = async {
            if secure {
                self.tls().request(request).await
            } else {
                self.plain().request(request).await
            }
        };
        let sent = CONNECT_TIMEOUT.scope(timeouts.connect_timeout, sent);
        // As in Spin, the first-byte timeout includes the time to connect.
        let response = match timeouts.first_byte_timeout {
            Some(limit) => {
                let sent = tokio::time::timeout(limit, sent).await;
                sent.map_err(|_| Error::ConnectionReadTimeout)?
            }
            None => sent.await,
        };
        let response = response.map_err(|error| to_wasi_error(&error))?;
        Ok(response.map(|body| {
            with_between_bytes_timeout(body.map_err(Error::Hyper).boxed_unsync(), timeouts)
        }))
    }

    fn plain(&self) -> &legacy::Client<Connector, Body> {
        self.plain.get_or_init(|| client(self.connector.clone()))
    }

    /// The client for https. It is created at the first https request, because reading the system's certificates takes
    /// milliseconds.
    fn tls(&self) -> &legacy::Client<HttpsConnector<Connector>, Body> {
        self.tls.get_or_init(|| {
            let builder = match HttpsConnectorBuilder::new().with_native_roots() {
                Ok(builder) => builder,
                Err(error) => {
                    tracing::warn!(%error, "cannot read the CA certificates of this system; using Mozilla's CA certificates");
                    HttpsConnectorBuilder::new().with_webpki_roots()
                }
            };
            let connector = builder.https_or_http().enable_http1();
            client(connector.wrap_connector(self.connector.clone()))
        })
    }
}

fn client<C>(connector: C) -> legacy::Client<C, Body>
where
    C: legacy::connect::Connect + Clone + Send + Sync + 'static,
{
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS_PER_HOST)
        .build(connector)
}

/// Adds the path `/` to a URI without a path: `http://host?q` becomes `http://host/?q`.
fn absolute_path(uri: &mut Uri) {
    if uri.path().starts_with('/') {
        return;
    }
    let mut parts = std::mem::take(uri).into_parts();
    let query = parts.path_and_query.as_ref().and_then(PathAndQuery::query);
    let path = query.map_or_else(|| "/".to_owned(), |query| format!("/?{query}"));
    parts.path_and_query = PathAndQuery::try_from(path).ok();
    *uri = Uri::from_parts(parts).unwrap_or_default();
}

/// Opens TCP connections: to the proxy, to the address that is configured for the URL's host, or to the URL's host.
#[derive(Clone)]
struct Connector {
    tcp: HttpConnector,
    proxy: Option<SocketAddr>,
    hosts: Arc<BTreeMap<String, SocketAddr>>,
}

impl Connector {
    /// Returns the address to which the client connects instead of the host of `uri`: the app's proxy, or the address that is
    /// configured for this host. None: the client connects to the host itself.
    fn replacement_address(&self, uri: &Uri) -> Option<SocketAddr> {
        let configured = || {
            let port = uri.port_u16().unwrap_or(80);
            self.hosts.get(&format!("{}:{port}", uri.host()?)).copied()
        };
        self.proxy.or_else(configured)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = CONNECT_TIMEOUT.try_with(|limit| *limit).ok().flatten();
        let target = match self.replacement_address(&uri) {
            Some(address) => Authority::try_from(address.to_string())
                .ok()
                .and_then(|address| {
                    let uri = Uri::builder().scheme(Scheme::HTTP).authority(address);
                    uri.path_and_query("/").build().ok()
                }),
            None => Some(uri),
        };
        let connect = target.map(|target| self.tcp.call(target));
        Box::pin(async move {
            let connect = connect.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
            match limit {
                Some(limit) => match tokio::time::timeout(limit, connect).await {
                    Ok(done) => Ok(done?),
                    Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
                },
                None => Ok(connect.await?),
            }
        })
    }
}

/// Converts an error of the HTTP client to an error of wasi:http.
fn to_wasi_error(error: &legacy::Error) -> Error {
    let mut source = error.source();
    while let Some(at) = source {
        if let Some(error) = at.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
                io::ErrorKind::TimedOut => return Error::ConnectionTimeout,
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                    return Error::ConnectionTerminated;
                }
                _ => {}
            }
        }
        if let Some(error) = at.downcast_ref::<hyper::Error>()
            && (error.is_incomplete_message() || error.is_closed() || error.is_canceled())
        {
            return Error::ConnectionTerminated;
        }
        if at.to_string().contains("dns error") {
            let (rcode, info_code) = (None, None);
            return Error::DnsError { rcode, info_code };
        }
        source = at.source();
    }
    if error.is_connect() {
        return Error::DestinationUnavailable;
    }
    Error::HttpProtocolError
}

/// Limits the time between two frames of a response's body to the between-bytes timeout that the guest set.
pub(crate) fn with_between_bytes_timeout(body: Body, timeouts: RequestOptions) -> Body {
    match timeouts.between_bytes_timeout {
        Some(limit) => {
            let timer = None;
            FrameTimeout { body, limit, timer }.boxed_unsync()
        }
        None => body,
    }
}

/// A body that fails if the time between two frames exceeds `limit`.
struct FrameTimeout {
    body: Body,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for FrameTimeout {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame);
        }
        let end = Instant::now() + self.limit;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        let late = timer.as_mut().poll(cx);
        late.map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
