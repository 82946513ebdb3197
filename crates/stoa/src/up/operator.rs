//! How an operator calls what runs in a mesh: through a sidecar of the operator's own, with the operator's identity, so that
//! policies decide what may be called. What has no sidecar is called as it is.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderValue, Request, Response, StatusCode, header, uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use stoa_mesh::{Admin, Metrics, Workload};
use stoa_runtime::Body;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::timers::takes;

/// Calls workloads by the paths of their components.
pub(crate) struct Operator {
    /// By route: where the connection goes, and the host to ask for.
    routes: BTreeMap<String, (SocketAddr, HeaderValue)>,
    client: Client<HttpConnector, Body>,
    metrics: Arc<Metrics>,
    envoys: Vec<(Workload, Admin)>,
}

/// Where the metrics of the mesh are.
const METRICS: &str = "/metrics";

impl Operator {
    /// `routes`: by a component's route, the address to connect to and the host it is.
    pub(crate) fn new(
        routes: BTreeMap<String, (SocketAddr, HeaderValue)>,
        metrics: Arc<Metrics>,
        envoys: Vec<(Workload, Admin)>,
    ) -> Self {
        Self {
            routes,
            client: Client::builder(TokioExecutor::new()).build_http(),
            metrics,
            envoys,
        }
    }

    async fn metrics(&self) -> Response<Body> {
        let page = stoa_mesh::exposition(&self.metrics, &self.envoys).await;
        let body = http_body_util::Full::from(page).map_err(|never| match never {});
        let mut response = Response::new(body.boxed_unsync());
        let kind = HeaderValue::from_static(stoa_mesh::CONTENT_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    /// Sends a request to whoever takes its path.
    pub(crate) async fn call(&self, request: Request<Body>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path();
        if path == METRICS {
            return self.metrics().await;
        }
        // The longest route is the most special one.
        let mut fits: Vec<_> = self.routes.iter().filter(|(r, _)| takes(r, path)).collect();
        fits.sort_by_key(|(route, _)| route.len());
        let Some((_, (address, host))) = fits.pop() else {
            return answer(StatusCode::NOT_FOUND, "no workload takes this path");
        };
        let target = parts.uri.path_and_query().cloned();
        let there = uri::Builder::new()
            .scheme(uri::Scheme::HTTP)
            .authority(address.to_string())
            .path_and_query(target.unwrap_or(uri::PathAndQuery::from_static("/")))
            .build();
        let Ok(there) = there else {
            return answer(StatusCode::BAD_REQUEST, "the path is no path");
        };
        parts.uri = there;
        parts.headers.insert(header::HOST, host.clone());
        match self.client.request(Request::from_parts(parts, body)).await {
            Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
            Err(error) => {
                tracing::warn!(%error, %address, "a workload does not answer");
                answer(StatusCode::BAD_GATEWAY, "the workload does not answer")
            }
        }
    }

    /// Answers on `listener` until `stop` completes; what is under way then is finished.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = std::pin::pin!(stop);
        let mut connections = JoinSet::new();
        loop {
            let stream = tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => accepted.map(|(stream, _)| stream),
            };
            let Ok(stream) = stream else { continue };
            let _ = stream.set_nodelay(true);
            let operator = Arc::clone(&self);
            let service = service_fn(move |request: Request<Incoming>| {
                let operator = Arc::clone(&operator);
                async move {
                    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
                    Ok::<_, Infallible>(operator.call(request).await)
                }
            });
            connections.spawn(async move {
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new());
                // A connection that breaks concerns its client alone.
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
        connections.shutdown().await;
    }
}

fn answer(status: StatusCode, why: &'static str) -> Response<Body> {
    let body = http_body_util::Full::from(why).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}
