//! A client of an Envoy's administration interface.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Default timeout of a request. Envoy answers from memory, but a response that contains Envoy's whole configuration may take
/// seconds on a busy machine.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client of one Envoy's administration interface.
#[derive(Debug, Clone)]
pub struct Admin {
    address: SocketAddr,
    client: Client<HttpConnector, Empty<Bytes>>,
}

/// Why a request to the administration interface failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The Envoy does not listen, or does not answer within the timeout.
    #[error("Envoy's administration interface at {address} does not answer: {reason}")]
    Silent {
        /// The administration address.
        address: SocketAddr,
        /// The cause.
        reason: String,
    },
    /// The Envoy answered with an error status.
    #[error(
        "Envoy's administration interface at {address} rejected {path} with status {status}: {text}"
    )]
    Refused {
        /// The administration address.
        address: SocketAddr,
        /// The request's path.
        path: String,
        /// The response's status.
        status: http::StatusCode,
        /// The response's body.
        text: String,
    },
}

impl Admin {
    /// A client of the administration interface at this address.
    pub fn new(address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, client }
    }

    /// The administration address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads a path such as `/stats?format=json`.
    ///
    /// # Errors
    /// If the Envoy does not answer with 200.
    pub async fn get(&self, path: &str) -> Result<String, AdminError> {
        self.get_within(path, DEFAULT_TIMEOUT).await
    }

    /// Like [`Admin::get`], with the timeout `limit`.
    ///
    /// # Errors
    /// If the Envoy does not answer with 200 within `limit`.
    pub async fn get_within(&self, path: &str, limit: Duration) -> Result<String, AdminError> {
        self.send(Method::GET, path, limit).await
    }

    /// Triggers an action such as `/drain_listeners`.
    ///
    /// # Errors
    /// If the Envoy does not answer with 200.
    pub async fn post(&self, path: &str) -> Result<String, AdminError> {
        self.send(Method::POST, path, DEFAULT_TIMEOUT).await
    }

    /// Like [`Admin::get`], and parses the response as JSON.
    ///
    /// # Errors
    /// If the Envoy does not answer with 200 and JSON.
    pub async fn json(&self, path: &str) -> Result<Value, AdminError> {
        self.json_within(path, DEFAULT_TIMEOUT).await
    }

    /// Like [`Admin::json`], with the timeout `limit`.
    ///
    /// # Errors
    /// If the Envoy does not answer with 200 and JSON within `limit`.
    pub async fn json_within(&self, path: &str, limit: Duration) -> Result<Value, AdminError> {
        let text = self.get_within(path, limit).await?;
        serde_json::from_str(&text).map_err(|error| self.silent(&error))
    }

    /// True if the Envoy has read its whole configuration and accepts connections.
    pub async fn is_ready(&self) -> bool {
        self.get("/ready").await.is_ok()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        limit: Duration,
    ) -> Result<String, AdminError> {
        let uri = format!("http://{}{path}", self.address);
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .body(Empty::new())
            .map_err(|error| self.silent(&error))?;
        let answer = async {
            let response = self.client.request(request).await;
            let response = response.map_err(|error| self.silent(&error))?;
            let status = response.status();
            let body = response.into_body().collect().await;
            let body = body.map_err(|error| self.silent(&error))?.to_bytes();
            let text = String::from_utf8_lossy(&body).into_owned();
            if status.is_success() {
                return Ok(text);
            }
            Err(AdminError::Refused {
                address: self.address,
                path: path.to_owned(),
                status,
                text: text.trim().to_owned(),
            })
        };
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => answer,
            Err(late) => Err(self.silent(&late)),
        }
    }

    fn silent(&self, error: &dyn std::error::Error) -> AdminError {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            reason = format!("{reason}: {cause}");
            source = cause.source();
        }
        AdminError::Silent {
            address: self.address,
            reason,
        }
    }
}
