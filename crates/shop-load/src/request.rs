//! Requests to the shop, with a path and without the shop's address.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::Value;
use uuid::Uuid;

use crate::target::Target;

/// A request to the shop, with a path and without the shop's address.
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

    /// Converts to an HTTP request to `target`.
    ///
    /// # Errors
    /// If the bearer token or a cookie is not a valid header value. Only these two parts come from the shop.
    pub(crate) fn to_http(
        &self,
        target: &Target,
        cookies: &BTreeMap<String, String>,
    ) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(target.url(&self.path));
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
