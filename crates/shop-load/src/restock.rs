//! Raises the stock before a load, through the operator's address.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use serde::Deserialize;
use serde_json::json;

use crate::target::Target;
use crate::transport::{Http, NoAnswer, Transport};
use crate::wire::Page;

/// Why the stock was not raised.
#[derive(Debug, thiserror::Error)]
pub enum RestockError {
    /// Authorities for https cannot be read.
    #[error("https: {0}")]
    Tls(#[from] std::io::Error),
    /// No answer, or an unexpected one.
    #[error("{method} {address}: {why}")]
    Answer {
        /// The request's method.
        method: Method,
        /// The request's URL.
        address: String,
        /// The cause.
        why: String,
    },
}

#[derive(Debug, Deserialize)]
struct Item {
    sku: String,
    on_hand: u64,
}

/// Raises the stock of every item to at least `at_least`; returns the number of items that were below. Each answer may take `timeout`.
///
/// # Errors
/// If the operator's address does not answer as documented.
pub async fn restock(
    operator: &Target,
    at_least: u32,
    timeout: Duration,
) -> Result<usize, RestockError> {
    let http = Http::new(operator)?;
    let (mut next, mut raised) = (Some(String::new()), 0);
    while let Some(token) = next {
        let address = operator.at(&format!("/items?limit=100{token}"));
        let answer = send(&http, timeout, Method::GET, &address, Bytes::new()).await?;
        let page: Page<Item> = serde_json::from_slice(answer.body())
            .map_err(|error| fault(&Method::GET, &address, &error.to_string()))?;
        for item in page
            .items
            .iter()
            .filter(|item| item.on_hand < at_least.into())
        {
            let address = operator.at(&format!("/items/{}", item.sku));
            let body = json!({"on_hand": at_least}).to_string();
            send(&http, timeout, Method::PUT, &address, body.into()).await?;
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
    address: &str,
    body: Bytes,
) -> Result<Response<Bytes>, RestockError> {
    let fault = |why: &str| fault(&method, address, why);
    let request = Request::builder()
        .method(method.clone())
        .uri(address)
        .header(header::CONTENT_TYPE, "application/json")
        // Inventory requires the count on which a new one is based. A load starts from any count, so sales in the meantime do not matter.
        .header(header::IF_MATCH, "*")
        .body(body)
        .map_err(|error| fault(&error.to_string()))?;
    let answer = tokio::time::timeout(timeout, http.send(request))
        .await
        .unwrap_or(Err(NoAnswer::Timeout))
        .map_err(|error| fault(&error.to_string()))?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let text = String::from_utf8_lossy(answer.body());
    Err(fault(&format!("{}: {text}", answer.status())))
}

fn fault(method: &Method, address: &str, why: &str) -> RestockError {
    RestockError::Answer {
        method: method.clone(),
        address: address.to_owned(),
        why: why.to_owned(),
    }
}
