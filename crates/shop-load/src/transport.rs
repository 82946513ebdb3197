//! Sends requests to the shop: over HTTP, or over a different transport in tests.

use std::error::Error;
use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::target::Target;

/// Limit for the body of a response: 8 MiB, far more than any response of the shop has.
const MAX_BODY_BYTES: usize = 8 << 20;
/// Timeout for a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which the client closes an idle connection. It is shorter than the idle timeout of servers, so that no server closes
/// the connection first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The reason why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The connection failed, so the request was not sent.
    #[error("connect: {0}")]
    Connect(String),
    /// The connection or the response took too long.
    #[error("timeout")]
    Timeout,
    /// The connection ended before the end of the response.
    #[error("reset: {0}")]
    Reset(String),
    /// The response is not HTTP, or too large.
    #[error("protocol: {0}")]
    Protocol(String),
}

/// Sends requests. The URL of each request is absolute.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request, and reads the whole response.
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Bytes>, NoAnswer>> + Send;
}

/// HTTP/1.1 with a pool of connections.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Http {
    /// Creates a client for a shop. For https, the client trusts the certificate authorities of this machine, or of the file in
    /// `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// If the target is https and no certificate authority can be read.
    pub fn new(target: &Target) -> io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let ring = rustls::crypto::ring::default_provider();
        let tls = HttpsConnectorBuilder::new();
        let connector = if target.is_https() {
            tls.with_provider_and_native_roots(ring)?
        } else {
            // Without https no certificate authorities are needed, and reading them takes a while.
            let no_authorities = rustls::ClientConfig::builder_with_provider(ring.into())
                .with_safe_default_protocol_versions()
                .map_err(io::Error::other)?
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            tls.with_tls_config(no_authorities)
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector.https_or_http().enable_http1().wrap_connector(tcp));
        Ok(Self { client })
    }
}

impl Transport for Http {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        let sent = self.client.request(request.map(Full::new)).await;
        let response = sent.map_err(|error| {
            if !error.is_connect() {
                classify(&error)
            } else if timed_out(&error) {
                NoAnswer::Timeout
            } else {
                NoAnswer::Connect(error_chain(&error))
            }
        })?;
        let (head, body) = response.into_parts();
        match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) => Err(classify(&*error)),
        }
    }
}

/// Whether a failure to connect was a timeout. Other failures are, for example, refused connections.
fn timed_out(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(one) = cause {
        if one
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
        {
            return true;
        }
        cause = one.source();
    }
    false
}

/// Classifies the failure of a request that was sent: a broken connection, or a response that is not HTTP.
fn classify(error: &(dyn Error + 'static)) -> NoAnswer {
    let mut cause = Some(error);
    while let Some(one) = cause {
        let ended = one.downcast_ref::<io::Error>().is_some_and(|error| {
            use io::ErrorKind as Kind;
            matches!(
                error.kind(),
                Kind::ConnectionReset
                    | Kind::ConnectionAborted
                    | Kind::BrokenPipe
                    | Kind::UnexpectedEof
            )
        });
        let cut = one.downcast_ref::<hyper::Error>().is_some_and(|error| {
            error.is_incomplete_message() || error.is_closed() || error.is_canceled()
        });
        if ended || cut {
            return NoAnswer::Reset(error_chain(error));
        }
        cause = one.source();
    }
    NoAnswer::Protocol(error_chain(error))
}

/// Joins the messages of an error and of its sources.
fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}
