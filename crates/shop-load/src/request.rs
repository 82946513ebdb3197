//! A request to the shop, before it has an address.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::Value;
use uuid::Uuid;

use crate::target::Target;

/// A request to the shop, before it has an address.
#[derive(Debug, Clone)]
pub(crate) struct ShopRequest {
    method: Method,
    path: String,
    body: Option<Value>,
    bearer: Option<String>,
    idempotency_key: Option<Uuid>,
}

impl ShopRequest {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            bearer: None,
            idempotency_key: None,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn bearer(mut self, token: &str) -> Self {
        self.bearer = Some(token.to_owned());
        self
    }

    pub(crate) fn idempotency_key(mut self, key: Uuid) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// As an HTTP request to `target`.
    ///
    /// # Errors
    /// If the bearer token or a cookie, the only parts that come from the shop, cannot be sent in a header.
    pub(crate) fn to_http(
        &self,
        target: &Target,
        cookies: &BTreeMap<String, String>,
    ) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(target.at(&self.path));
        if let Some(bearer) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        if let Some(key) = self.idempotency_key {
            request = request.header("idempotency-key", key.to_string());
        }
        if !cookies.is_empty() {
            let pairs: Vec<String> = cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        let body = match &self.body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                body.to_string().into()
            }
        };
        request.body(body)
    }
}
