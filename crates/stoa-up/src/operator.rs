//! Sends an operator's requests into a mesh. They go through the sidecar of the workload `operator`, and have the identity of this
//! workload. So the AuthorizationPolicies decide which requests are allowed. But if the called workload has no sidecar, the request
//! goes directly to that workload.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header, uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use stoa_mesh::{Metrics, ScrapeTarget};
use stoa_runtime::{Body, accept};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::route::matches_path;
use crate::stopping::GRACE_PERIOD;

/// A map with a route as the key. The value is the route's destination: the address to connect to, and the value for the request's
/// header `host`.
pub(crate) type Destinations = BTreeMap<String, (SocketAddr, HeaderValue)>;

/// Serves the operator's address. Each request is sent to the workload whose route matches the request's path.
pub(crate) struct Operator {
    destinations: Destinations,
    client: Client<HttpConnector, Body>,
    metrics: Arc<Metrics>,
    envoys: Vec<ScrapeTarget>,
}

/// The path of the mesh's metrics page.
const METRICS_PATH: &str = "/metrics";
/// The longest wait for the Envoys' statistics. With this limit, the metrics page is sent within two seconds even if an Envoy
/// hangs.
const LONGEST_SCRAPE: Duration = Duration::from_millis(1500);
/// The request header in which Prometheus sends its `scrape_timeout`, in seconds. If the page arrives later, Prometheus drops the
/// whole page.
const SCRAPE_TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";
/// The Envoys must respond within this fraction of Prometheus' `scrape_timeout`. The rest of the timeout is needed to render and
/// send the page.
const SCRAPE_TIMEOUT_FRACTION: f64 = 0.7;

impl Operator {
    pub(crate) fn new(
        destinations: Destinations,
        metrics: Arc<Metrics>,
        envoys: Vec<ScrapeTarget>,
    ) -> Self {
        Self {
            destinations,
            client: Client::builder(TokioExecutor::new()).build_http(),
            metrics,
            envoys,
        }
    }

    /// The response that contains the metrics page.
    async fn metrics(&self, headers: &HeaderMap) -> Response<Body> {
        let limit = scrape_limit(headers);
        let page = stoa_mesh::exposition(&self.metrics, &self.envoys, limit).await;
        let body = http_body_util::Full::from(page).map_err(|never| match never {});
        let mut response = Response::new(body.boxed_unsync());
        let content_type = HeaderValue::from_static(stoa_mesh::CONTENT_TYPE);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        response
    }

    /// Sends a request to the workload whose route matches the request's path. A request for the metrics page is answered here, and
    /// not by a workload.
    pub(crate) async fn call(&self, request: Request<Body>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path();
        if path == METRICS_PATH {
            return self.metrics(&parts.headers).await;
        }
        let matching = self
            .destinations
            .iter()
            .filter(|(route, _)| matches_path(route, path));
        // Of the routes that match the path, the longest route is the most specific route.
        let longest = matching.max_by_key(|(route, _)| route.len());
        let Some((_, (address, host))) = longest else {
            return answer(
                StatusCode::NOT_FOUND,
                "no workload has a route for this path",
            );
        };
        let target = parts.uri.path_and_query().cloned();
        let uri = uri::Builder::new()
            .scheme(uri::Scheme::HTTP)
            .authority(address.to_string())
            .path_and_query(target.unwrap_or(uri::PathAndQuery::from_static("/")))
            .build();
        let Ok(uri) = uri else {
            return answer(
                StatusCode::BAD_REQUEST,
                "the path of the request is not valid in a URL",
            );
        };
        parts.uri = uri;
        parts.headers.insert(header::HOST, host.clone());
        match self.client.request(Request::from_parts(parts, body)).await {
            Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
            Err(error) => {
                tracing::warn!(%error, %address, "a workload did not respond to the operator's request");
                answer(StatusCode::BAD_GATEWAY, "the workload did not respond")
            }
        }
    }

    /// Serves `listener` until `stop` completes. Then waits until requests in flight have finished, but no longer than the grace
    /// period.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) {
        let mut connections = accept(listener, stop, |stream, _, stopping| {
            Arc::clone(&self).connection(stream, stopping)
        })
        .await;
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE_PERIOD, all).await.is_err() {
            tracing::warn!("the grace period is over; an operator's request in flight is cut off");
        }
        connections.shutdown().await;
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, mut stopping: watch::Receiver<bool>) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request: Request<Incoming>| {
            let operator = Arc::clone(&self);
            async move {
                let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
                Ok::<_, Infallible>(operator.call(request).await)
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new());
        let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            // An error on a connection is ignored, because it affects only the client of this connection.
            _ = &mut connection => return,
            _ = stopping.wait_for(|stop| *stop) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// The time within which the Envoys must respond to the requests of one scrape.
fn scrape_limit(headers: &HeaderMap) -> Duration {
    let timeout = headers
        .get(SCRAPE_TIMEOUT_HEADER)
        .and_then(|v| v.to_str().ok());
    let seconds = timeout.and_then(|text| text.parse::<f64>().ok());
    let limit = seconds.and_then(|s| Duration::try_from_secs_f64(s * SCRAPE_TIMEOUT_FRACTION).ok());
    limit.map_or(LONGEST_SCRAPE, |limit| limit.min(LONGEST_SCRAPE))
}

fn answer(status: StatusCode, reason: &'static str) -> Response<Body> {
    let body = http_body_util::Full::from(reason).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net;

    use stoa_mesh::{Mesh, MeshOptions};

    use super::*;
    use crate::stopping::stopped;

    /// The metrics of a mesh without workloads.
    fn metrics() -> Arc<Metrics> {
        let folder = tempfile::tempdir().expect("a folder");
        let options = MeshOptions::without_workloads(folder.path()).expect("options");
        let mesh = Mesh::prepare(options).expect("a mesh");
        Arc::new(Metrics::new(&mesh.compiled(), mesh.addresses()).expect("metrics"))
    }

    #[test]
    fn a_scrape_ends_before_its_timeout_and_within_two_seconds() {
        let limit = |timeout: &'static str| {
            let value = HeaderValue::from_static(timeout);
            let headers = HeaderMap::from_iter([(SCRAPE_TIMEOUT_HEADER.parse().unwrap(), value)]);
            scrape_limit(&headers)
        };
        assert_eq!(scrape_limit(&HeaderMap::new()), LONGEST_SCRAPE);
        assert_eq!(limit("10"), LONGEST_SCRAPE);
        assert_eq!(limit("1"), Duration::from_millis(700));
        assert_eq!(limit("0.5"), Duration::from_millis(350));
        for invalid in ["", "soon", "-1", "NaN", "1e99"] {
            assert_eq!(limit(invalid), LONGEST_SCRAPE, "{invalid}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_request_in_flight_at_the_stop_gets_its_response() {
        let workload = net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let workload_address = workload.local_addr().expect("an address");
        let destination = (workload_address, HeaderValue::from_static("slow"));
        let destinations = BTreeMap::from([("/slow".to_owned(), destination)]);
        let operator = Arc::new(Operator::new(destinations, metrics(), Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopping) = watch::channel(());
        let serving = tokio::spawn(operator.serve(listener, stopped(stopping)));
        let caller = std::thread::spawn(move || {
            let mut stream = net::TcpStream::connect(address).expect("a listener");
            let request = b"GET /slow HTTP/1.1\r\nhost: operator\r\n\r\n";
            stream.write_all(request).expect("written");
            // The client does not close the connection. So this read ends only when the server closes the connection.
            std::io::read_to_string(stream)
        });
        let accepted = tokio::task::spawn_blocking(move || {
            let (mut stream, _) = workload.accept().expect("a connection");
            let read = stream.read(&mut [0; 1024]).expect("a request");
            assert!(read > 0);
            stream
        });
        let mut accepted = accepted.await.expect("no panic");
        drop(stop);
        while net::TcpStream::connect(address).is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes";
        accepted.write_all(answer).expect("written");
        serving.await.expect("no panic");
        let answer = caller.join().expect("no panic").expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.ends_with("yes"), "{answer}");
    }
}
