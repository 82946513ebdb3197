//! Raises the stock before a load, through the operator's address.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use serde::Deserialize;
use serde_json::json;

use crate::target::Target;
use crate::transport::{Http, NoAnswer, Transport};
use crate::wire::Page;

/// The reason why the stock was not raised.
#[derive(Debug, thiserror::Error)]
pub enum RestockError {
    /// The certificate authorities for https cannot be read.
    #[error("cannot read the certificate authorities for https: {0}")]
    Tls(#[from] std::io::Error),
    /// A request failed, or its response was unexpected.
    #[error("{method} {url}: {reason}")]
    Request {
        /// The request's method.
        method: Method,
        /// The request's URL.
        url: String,
        /// The cause, such as a timeout.
        reason: String,
    },
}

#[derive(Debug, Deserialize)]
struct Item {
    sku: String,
    on_hand: u64,
}

/// Raises the stock of every item to at least `at_least`. Returns the number of items whose stock was raised. `timeout` limits each
/// request.
///
/// # Errors
/// If a request to the operator's address fails, or if a response is unexpected.
pub async fn restock(
    operator: &Target,
    at_least: u32,
    timeout: Duration,
) -> Result<usize, RestockError> {
    let http = Http::new(operator)?;
    let (mut next, mut raised) = (Some(String::new()), 0);
    while let Some(token) = next {
        let url = operator.url(&format!("/items?limit=100{token}"));
        let answer = send(&http, timeout, Method::GET, &url, Bytes::new()).await?;
        let page: Page<Item> = serde_json::from_slice(answer.body())
            .map_err(|error| failed_request(&Method::GET, &url, &error.to_string()))?;
        for item in page
            .items
            .iter()
            .filter(|item| item.on_hand < at_least.into())
        {
            let url = operator.url(&format!("/items/{}", item.sku));
            let body = json!({"on_hand": at_least}).to_string();
            send(&http, timeout, Method::PUT, &url, body.into()).await?;
            raised += 1;
        }
        next = page
            .next_page_token
            .map(|token| format!("&page_token={token}"));
    }
    Ok(raised)
}

async fn send(
    http: &Http,
    timeout: Duration,
    method: Method,
    url: &str,
    body: Bytes,
) -> Result<Response<Bytes>, RestockError> {
    let failed = |reason: &str| failed_request(&method, url, reason);
    let request = Request::builder()
        .method(method.clone())
        .uri(url)
        .header(header::CONTENT_TYPE, "application/json")
        // The service `inventory` requires If-Match, which protects a change against sales in the meantime. Here `*` matches any
        // count, because sales before the load do not matter.
        .header(header::IF_MATCH, "*")
        .body(body)
        .map_err(|error| failed(&error.to_string()))?;
    let answer = tokio::time::timeout(timeout, http.send(request))
        .await
        .unwrap_or(Err(NoAnswer::Timeout))
        .map_err(|error| failed(&error.to_string()))?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let text = String::from_utf8_lossy(answer.body());
    Err(failed(&format!("{}: {text}", answer.status())))
}

fn failed_request(method: &Method, url: &str, reason: &str) -> RestockError {
    RestockError::Request {
        method: method.clone(),
        url: url.to_owned(),
        reason: reason.to_owned(),
    }
}
