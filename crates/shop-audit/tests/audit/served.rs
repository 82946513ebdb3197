//! Serves a simulated shop over HTTP.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use shop_audit::{Options, Verdict, audit};
use tokio::net::TcpListener;

use crate::shop::Shop;

/// A function that runs before each response. It may change the shop, and it may return a status and body that replace the shop's
/// response.
type BeforeResponse = dyn FnMut(&mut Shop, &str) -> Option<(u16, Value)> + Send;

/// A simulated shop with an HTTP server.
#[derive(Clone)]
pub(crate) struct ServedShop {
    pub(crate) url: String,
    pub(crate) shop: Arc<Mutex<Shop>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl ServedShop {
    /// Serves the shop without changes between responses.
    pub(crate) async fn new(shop: Shop) -> Self {
        Self::with(shop, |_, _| None).await
    }

    /// Serves the shop, and calls `before_response` with the shop and the request's path and query.
    pub(crate) async fn with(
        shop: Shop,
        before_response: impl FnMut(&mut Shop, &str) -> Option<(u16, Value)> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let served = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            shop: Arc::new(Mutex::new(shop)),
            requests: Arc::default(),
        };
        let before_response: Arc<Mutex<BeforeResponse>> = Arc::new(Mutex::new(before_response));
        let accepting = served.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (served, before_response) = (accepting.clone(), before_response.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let response = served.respond(&request, &before_response);
                    async move { Ok::<_, Infallible>(response) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        served
    }

    fn respond(
        &self,
        request: &Request<Incoming>,
        before_response: &Mutex<BeforeResponse>,
    ) -> Response<Full<Bytes>> {
        assert_eq!(request.method(), "GET", "an auditor only reads");
        let uri = request.uri();
        let requested = uri.path_and_query().unwrap().to_string();
        let mut shop = self.shop.lock().unwrap();
        let replacement = before_response.lock().unwrap()(&mut shop, &requested);
        self.requests.lock().unwrap().push(requested);
        let (status, body) = replacement.unwrap_or_else(|| {
            match shop.response(uri.path(), uri.query().unwrap_or_default()) {
                Some(body) => (200, body),
                None => (404, json!({"code": "not_found"})),
            }
        });
        let response = Response::builder()
            .status(status)
            .header("retry-after", "0");
        response.body(Full::from(body.to_string())).unwrap()
    }

    /// Number of requests so far whose path begins with `path`.
    pub(crate) fn requests(&self, path: &str) -> usize {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|r| r.starts_with(path)).count()
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            recheck_after: Duration::from_millis(5),
            ..Options::new(&self.url)
        }
    }

    pub(crate) async fn audit(&self) -> Verdict {
        audit(&self.options()).await.unwrap()
    }
}
