//! HTTP client of the shop: reads lists page by page, and retries failed reads.

mod attempt;

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::AuditError;
use crate::record::nullable;

/// Attempts for a read that fails with a transient error, such as a busy shop or a broken connection.
const MAX_ATTEMPTS: u32 = 5;
/// Pause after the first failed attempt. The pause doubles after each further attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause between two attempts, even if the response's Retry-After is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Number of records that the auditor requests for one page of a list: the maximum that the services allow.
const PAGE_SIZE: u32 = 100;
/// The characters that are percent-encoded: all except the unreserved characters of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Reads a shop through its operator's address.
#[derive(Debug, Clone)]
pub(crate) struct OperatorClient {
    base: String,
    http: Client<HttpConnector, Empty<Bytes>>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    #[serde(deserialize_with = "nullable")]
    next_page_token: Option<String>,
}

impl OperatorClient {
    /// Creates a client; sends no request yet.
    pub(crate) fn new(operator: &str) -> Result<Self, AuditError> {
        let bad_address = || AuditError::Address(operator.to_owned());
        let base = operator.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| bad_address())?;
        let plain = uri.scheme_str() == Some("http") && uri.host().is_some_and(|h| !h.is_empty());
        if !plain || uri.path() != "/" || uri.query().is_some() {
            return Err(bad_address());
        }
        Ok(Self {
            base: base.to_owned(),
            http: Client::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// Reads the JSON document at `path`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AuditError> {
        let url = format!("{}{path}", self.base);
        let mut pause = FIRST_PAUSE;
        let mut attempts = 1;
        let bytes = loop {
            let failure = match attempt::read(&self.http, &url).await {
                Ok(bytes) => break bytes,
                Err(failure) => failure,
            };
            if !failure.transient || attempts == MAX_ATTEMPTS {
                return Err(failure.error);
            }
            attempts += 1;
            let requested = failure.retry_after.unwrap_or(pause);
            tokio::time::sleep(requested.min(LONGEST_PAUSE)).await;
            pause = pause.saturating_mul(2);
        };
        serde_json::from_slice(&bytes).map_err(|error| AuditError::Invalid {
            url,
            reason: error.to_string(),
        })
    }

    /// Reads all pages of a list.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, AuditError> {
        let mut all = Vec::new();
        let mut known_tokens = HashSet::new();
        let first = format!("{path}?limit={PAGE_SIZE}");
        let mut current = first.clone();
        loop {
            let page: Page<T> = self.get(&current).await?;
            all.extend(page.items);
            let Some(token) = page.next_page_token else {
                return Ok(all);
            };
            let next = format!("{first}&page_token={}", encoded(&token));
            if !known_tokens.insert(token) {
                return Err(AuditError::Invalid {
                    url: format!("{}{current}", self.base),
                    reason:
                        "next_page_token: equal to the token of an earlier page, so the list has no end"
                            .to_owned(),
                });
            }
            current = next;
        }
    }

    /// Reads all pages of a list. Returns `None` if the list does not exist, that is, if the shop answers 404.
    pub(crate) async fn find_list<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<Vec<T>>, AuditError> {
        match self.list(path).await {
            Ok(all) => Ok(Some(all)),
            Err(AuditError::Status { status, .. }) if status == StatusCode::NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Percent-encodes text for a path segment or a query value.
pub(crate) fn encoded(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, UNRESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_an_http_address_without_a_path() {
        for good in ["http://127.0.0.1:8081", "http://[::1]:1/", "http://shop"] {
            assert!(OperatorClient::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:8081",
            "https://shop",
            "http://",
            "http://shop/x",
            "http://shop/?a",
            "a b",
        ] {
            let error = OperatorClient::new(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
    }

    #[test]
    fn reserved_characters_are_escaped() {
        assert_eq!(encoded("COF-001_a.b~c").to_string(), "COF-001_a.b~c");
        assert_eq!(encoded("a/b?c&d=é").to_string(), "a%2Fb%3Fc%26d%3D%C3%A9");
    }
}
