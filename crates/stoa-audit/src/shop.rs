//! HTTP to the shop: reads, page by page, with patience for what passes.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::record::nullable;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a read is tried that meets what passes: a shop that is busy, a connection that breaks.
const TRIES: u32 = 5;
/// The first wait in between; it doubles. Retry-After is honoured up to the longest.
const WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The most that a list gives at once.
const LIMIT: u32 = 100;
/// How much of an answer an error quotes, in characters.
const QUOTED: usize = 300;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Where to ask is no address.
    #[error("operator: `{0}` is not an address such as http://127.0.0.1:8081")]
    Address(String),
    /// Nobody answers.
    #[error("{url} does not answer: {reason}")]
    Silent {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// The answer is no 200.
    #[error("{url} answered {status}, expected 200: {text}")]
    Refused {
        /// What was asked for.
        url: String,
        /// The answer's status.
        status: StatusCode,
        /// How it begins.
        text: String,
    },
    /// The answer cannot be read.
    #[error("{url} answered what its interface (api/) does not say: {reason}")]
    Nonsense {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The operator's way into a shop.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    base: String,
    client: Client<HttpConnector, Empty<Bytes>>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    #[serde(deserialize_with = "nullable")]
    next_page_token: Option<String>,
}

/// Why one try failed, and whether another may help.
struct Failure {
    error: AuditError,
    passing: bool,
    retry_after: Option<Duration>,
}

impl Shop {
    pub(crate) fn new(operator: &str) -> Result<Self, AuditError> {
        let wrong = || AuditError::Address(operator.to_owned());
        let base = operator.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| wrong())?;
        let plain = uri.scheme_str() == Some("http") && uri.host().is_some_and(|h| !h.is_empty());
        if !plain || uri.path() != "/" || uri.query().is_some() {
            return Err(wrong());
        }
        Ok(Self {
            base: base.to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// Reads `path`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AuditError> {
        let url = format!("{}{path}", self.base);
        let mut wait = WAIT;
        let mut tries = 1;
        let bytes = loop {
            let failure = match self.ask(&url).await {
                Ok(bytes) => break bytes,
                Err(failure) => failure,
            };
            if !failure.passing || tries == TRIES {
                return Err(failure.error);
            }
            tries += 1;
            let asked = failure.retry_after.unwrap_or(wait);
            tokio::time::sleep(asked.min(LONGEST_WAIT)).await;
            wait = wait.saturating_mul(2);
        };
        serde_json::from_slice(&bytes).map_err(|error| AuditError::Nonsense {
            url,
            reason: error.to_string(),
        })
    }

    /// Reads all pages of a list.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, AuditError> {
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        let first = format!("{path}?limit={LIMIT}");
        let mut asked = first.clone();
        loop {
            let page: Page<T> = self.get(&asked).await?;
            all.extend(page.items);
            let Some(token) = page.next_page_token else {
                return Ok(all);
            };
            let next = format!("{first}&page_token={}", encoded(&token));
            if !seen.insert(token) {
                return Err(AuditError::Nonsense {
                    url: format!("{}{asked}", self.base),
                    reason: "next_page_token: came before, so the list has no end".to_owned(),
                });
            }
            asked = next;
        }
    }

    /// [`Shop::list`], or `None` for what is not there.
    pub(crate) async fn find_list<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<Vec<T>>, AuditError> {
        match self.list(path).await {
            Ok(all) => Ok(Some(all)),
            Err(AuditError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, url: &str) -> Result<Bytes, Failure> {
        let silent = |reason: String, passing: bool| Failure {
            error: AuditError::Silent {
                url: url.to_owned(),
                reason,
            },
            passing,
            retry_after: None,
        };
        let request = Request::get(url)
            .body(Empty::new())
            .map_err(|error| silent(error.to_string(), false))?;
        let answer = async {
            let response = self.client.request(request).await.map_err(|error| {
                // Where nobody listens, nobody will.
                silent(chain(&error), !error.is_connect())
            })?;
            let status = response.status();
            let retry_after = response.headers().get(header::RETRY_AFTER);
            let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
            let body = response.into_body().collect().await;
            let body = body
                .map_err(|error| silent(chain(&error), true))?
                .to_bytes();
            if status == StatusCode::OK {
                return Ok(body);
            }
            let text = String::from_utf8_lossy(&body);
            let text = text.trim().chars().take(QUOTED).collect();
            Err(Failure {
                error: AuditError::Refused {
                    url: url.to_owned(),
                    status,
                    text,
                },
                passing: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
                retry_after: retry_after.map(Duration::from_secs),
            })
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                let waited = humantime::format_duration(PATIENCE);
                Err(silent(format!("nothing within {waited}"), false))
            }
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// As it may stand in a path or a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_an_http_address_without_a_path() {
        for good in ["http://127.0.0.1:8081", "http://[::1]:1/", "http://shop"] {
            assert!(Shop::new(good).is_ok(), "{good}");
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
            let error = Shop::new(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
    }

    #[test]
    fn what_an_address_may_not_have_is_escaped() {
        assert_eq!(encoded("COF-001_a.b~c"), "COF-001_a.b~c");
        assert_eq!(encoded("a/b?c&d=é"), "a%2Fb%3Fc%26d%3D%C3%A9");
    }
}
