//! The one format of every error response: `application/problem+json` (RFC 9457).

use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::invalid::Invalid;
use crate::log;
use crate::outbound::PeerError;
use crate::sql::SqlError;

/// An error response before its request is known.
///
/// `type` is `about:blank` (RFC 9457, section 4.2.1): programs branch on `code`.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Box<str>,
    retry_after: Option<u32>,
    allow: Option<Box<str>>,
    cause: Option<Box<str>>,
    members: Map<String, Value>,
}

impl Problem {
    /// `code` is a stable word in snake_case; `detail` is a sentence for a person.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into().into(),
            retry_after: None,
            allow: None,
            cause: None,
            members: Map::new(),
        }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 422: understood, but a value breaks a rule. Name the field, the value and the expected form.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_value", detail)
    }

    /// 401, with the challenge that RFC 6750 requires.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 404: the resource does not exist, or the caller may not see it.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 503 with `Retry-After` in seconds: a dependency of this service does not answer.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(1)
    }

    /// Sets `Retry-After`, in seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds a further member to the document (RFC 9457, section 3.2).
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Keeps the internal cause for the log; the caller never sees it.
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into().into());
        self
    }

    pub(crate) fn allow(mut self, methods: String) -> Self {
        self.allow = Some(methods.into());
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable word that programs branch on.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for a person.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The response to the request of `context`, whose path is `instance`.
    ///
    /// Server errors, and problems with an internal cause, are logged here: once, wherever they were made.
    pub fn into_response(self, context: &Context, instance: &str) -> http::Response<Vec<u8>> {
        if self.status.is_server_error() || self.cause.is_some() {
            let fields = json!({"status": self.status.as_u16(), "code": self.code, "path": instance,
                "detail": self.detail, "cause": self.cause});
            let level = if self.status.is_server_error() {
                log::Level::Error
            } else {
                log::Level::Warn
            };
            log::write(level, context, "request failed", fields);
        }
        let mut document = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            "request_id": context.request_id(),
        });
        if let Value::Object(map) = &mut document {
            for (name, value) in self.members {
                // A further member never replaces a standard one.
                map.entry(name).or_insert(value);
            }
        }
        let mut response = http::Response::new(format!("{document}\n").into_bytes());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Ok(id) = HeaderValue::from_str(context.request_id()) {
            headers.insert("x-request-id", id);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(allow) = self.allow.and_then(|a| HeaderValue::from_str(&a).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}

impl From<Invalid> for Problem {
    /// 422 `invalid_value`.
    fn from(error: Invalid) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<PeerError> for Problem {
    /// 503: the caller can only retry. The cause is for the log.
    fn from(error: PeerError) -> Self {
        Self::unavailable(error.summary()).caused_by(error.to_string())
    }
}

impl From<SqlError> for Problem {
    /// 503: the caller can only retry. The database's own message is for the log, not for the caller.
    fn from(error: SqlError) -> Self {
        Self::unavailable("the database does not answer").caused_by(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_member_never_hides_a_standard_one() {
        let context = Context::new("test", &http::HeaderMap::new());
        let problem = Problem::conflict("busy", "later")
            .with("status", "delivered")
            .with("more", 1);
        let response = problem.into_response(&context, "/x");
        let document: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (&document["status"], &document["more"]),
            (&json!(409), &json!(1))
        );
    }
}
