//! Responses of the runtime itself instead of a guest (RFC 9457, no internals).
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use serde_json::json;
use uuid::Uuid;

use crate::body::{Body, full};

/// The longest `x-request-id` that is repeated. An id with unusual characters is not repeated either.
const LONGEST_ID: usize = 128;

/// What a problem document states about its request. Cheap to create, because nearly all are dropped unused.
#[derive(Clone, Debug)]
pub(crate) struct ProblemContext {
    uri: Uri,
    request_id: Option<HeaderValue>,
}

impl ProblemContext {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self {
            uri: request.uri().clone(),
            request_id: request.headers().get("x-request-id").cloned(),
        }
    }

    /// The request's own `x-request-id`, or else a new one. Call this once, and use the id in both the log and the
    /// response.
    pub(crate) fn request_id(&self) -> String {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b);
        let given = self.request_id.as_ref().and_then(|id| id.to_str().ok());
        match given {
            Some(id) if (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain) => {
                id.to_owned()
            }
            _ => Uuid::now_v7().to_string(),
        }
    }
}

/// Why the runtime answers instead of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The request does not name a valid host, or names two.
    BadRequest,
    /// The listener does not expose the path; it may not exist either.
    NotFound,
    /// The listener exposes the path only to other methods.
    MethodNotAllowed,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The body ended early, or its chunks are invalid.
    BodyBroken,
    /// The body did not arrive in time.
    BodyLate,
    /// The guest trapped, or returned without answering.
    Failed,
    /// The limit of running requests is reached.
    Busy,
    /// The guest did not answer in time. 504 and not 500: the component may be sound, and its work may still have taken
    /// effect.
    TimedOut,
}

impl Problem {
    fn parts(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::BadRequest => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "Bad Request",
                "the request must name one host, the same in its target and its Host header",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "Not Found",
                "nothing is here",
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Method Not Allowed",
                "the path has other methods; the header Allow lists them",
            ),
            Self::BodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "Content Too Large",
                "the request body is larger than this server accepts",
            ),
            Self::BodyBroken => (
                StatusCode::BAD_REQUEST,
                "incomplete_body",
                "Bad Request",
                "the request body broke off",
            ),
            Self::BodyLate => (
                StatusCode::REQUEST_TIMEOUT,
                "incomplete_body",
                "Request Timeout",
                "the request body did not arrive in time",
            ),
            Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "component_failed",
                "Internal Server Error",
                "the component failed to answer this request",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_requests_at_once",
                "Service Unavailable",
                "as many requests as allowed are being handled",
            ),
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                "request_timeout",
                "Gateway Timeout",
                "the component did not answer in time",
            ),
        }
    }

    pub(crate) fn response(self, context: &ProblemContext) -> Response<Body> {
        self.response_as(context, &context.request_id())
    }

    /// Like [`response`](Self::response), with the request id that the log has.
    pub(crate) fn response_as(self, context: &ProblemContext, request_id: &str) -> Response<Body> {
        let (status, code, title, detail) = self.parts();
        let body = json!({
            "type": "about:blank",
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
            "instance": context.uri.path(),
            "code": code,
            "request_id": request_id,
        });
        let mut response = Response::new(full(format!("{body}\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert("x-request-id", id);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if matches!(self, Self::BodyTooLarge | Self::BodyBroken | Self::BodyLate) {
            // The rest of the body is not read, so the connection ends here. Without this header, the client would send
            // its next request on it.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
