//! The error responses of the runtime itself: problem documents (RFC 9457) without internal details.
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use serde_json::json;
use uuid::Uuid;

use crate::body::{Body, full};

/// The maximum length of a request's `x-request-id`. If the id is longer or contains unusual characters, the response contains a
/// new id; otherwise the response repeats the request's id.
const MAX_REQUEST_ID_LENGTH: usize = 128;

/// The part of a request that a problem document contains. Every request creates this value, but most requests do not need it, so
/// it must be cheap to create.
#[derive(Clone, Debug)]
pub(crate) struct ProblemContext {
    uri: Uri,
    request_id: Option<HeaderValue>,
}

impl ProblemContext {
    pub(crate) fn from_request<B>(request: &Request<B>) -> Self {
        Self {
            uri: request.uri().clone(),
            request_id: request.headers().get("x-request-id").cloned(),
        }
    }

    /// Returns the request's `x-request-id`, or a new id if the request has no usable id. Two calls can return different new ids.
    /// So call this function once, and use the id in the log and in the response.
    pub(crate) fn request_id(&self) -> String {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b);
        let given = self.request_id.as_ref().and_then(|id| id.to_str().ok());
        match given {
            Some(id)
                if (1..=MAX_REQUEST_ID_LENGTH).contains(&id.len()) && id.bytes().all(plain) =>
            {
                id.to_owned()
            }
            _ => Uuid::now_v7().to_string(),
        }
    }
}

/// The reason why the runtime itself answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The request does not name a valid host, or it names two hosts.
    BadRequest,
    /// The request's path does not exist, or the listener does not expose the path.
    NotFound,
    /// The listener exposes the request's path, but not to the request's method.
    MethodNotAllowed,
    /// The request body is larger than the limit.
    BodyTooLarge,
    /// The request body ended early, or its chunks are invalid.
    BodyBroken,
    /// The request body did not arrive in time.
    BodyLate,
    /// The guest trapped, or returned without a response.
    Failed,
    /// The limit of running requests is reached.
    Busy,
    /// The guest did not respond in time. The status is 504 and not 500, because the component may work correctly, and its work may
    /// still have taken effect.
    TimedOut,
}

impl Problem {
    fn parts(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::BadRequest => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "Bad Request",
                "the request must have exactly one valid host, and its target and its Host header must agree",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "Not Found",
                "no resource has this path",
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Method Not Allowed",
                "the path does not support this method; the Allow header lists the supported methods",
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
                "the request body ended early or is invalid",
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
                "the component failed while it handled this request",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_requests_at_once",
                "Service Unavailable",
                "too many requests are running; retry after the time in the Retry-After header",
            ),
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                "request_timeout",
                "Gateway Timeout",
                "the component did not respond in time",
            ),
        }
    }

    pub(crate) fn response(self, context: &ProblemContext) -> Response<Body> {
        self.response_as(context, &context.request_id())
    }

    /// As [`response`](Self::response), but with a request id that was already written to the log.
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
            // The rest of the body is not read, so the connection ends after this response. Without `connection: close`, the client
            // would send its next request on the closed connection.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
