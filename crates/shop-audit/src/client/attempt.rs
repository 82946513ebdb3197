//! One attempt to read a URL.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

use crate::error::AuditError;

/// Timeout for one response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Characters of a response that an error quotes.
const QUOTED_CHARACTERS: usize = 300;

/// Why an attempt failed.
pub(super) struct Failure {
    pub(super) error: AuditError,
    /// Whether another attempt may succeed.
    pub(super) transient: bool,
    /// Value of the response's Retry-After header.
    pub(super) retry_after: Option<Duration>,
}

/// Reads the body of a response with status 200.
pub(super) async fn read(
    http: &Client<HttpConnector, Empty<Bytes>>,
    url: &str,
) -> Result<Bytes, Failure> {
    let no_response = |reason: String, transient: bool| Failure {
        error: AuditError::NoResponse {
            url: url.to_owned(),
            reason,
        },
        transient,
        retry_after: None,
    };
    let request = Request::get(url)
        .body(Empty::new())
        .map_err(|error| no_response(error.to_string(), false))?;
    let exchange = async {
        let response = http.request(request).await.map_err(|error| {
            // A failure to connect is not transient: a port without a listener stays closed for longer than all retries take.
            no_response(error_chain(&error), !error.is_connect())
        })?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body = response.into_body().collect().await;
        let body = body
            .map_err(|error| no_response(error_chain(&error), true))?
            .to_bytes();
        if status == StatusCode::OK {
            return Ok(body);
        }
        let text = String::from_utf8_lossy(&body);
        let text = text.trim().chars().take(QUOTED_CHARACTERS).collect();
        Err(Failure {
            error: AuditError::Status {
                url: url.to_owned(),
                status,
                text,
            },
            transient: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
            retry_after,
        })
    };
    match tokio::time::timeout(RESPONSE_TIMEOUT, exchange).await {
        Ok(result) => result,
        Err(_) => {
            let waited = humantime::format_duration(RESPONSE_TIMEOUT);
            Err(no_response(format!("no response within {waited}"), false))
        }
    }
}

fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?;
    let seconds = seconds.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Joins the messages of an error and of its sources.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
