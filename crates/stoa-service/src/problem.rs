//! The format of all error responses: `application/problem+json` (RFC 9457).

use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::invalid::Invalid;
use crate::log;
use crate::outbound::PeerError;
use crate::sql::SqlError;

/// An error response that does not contain the data of its request yet.
///
/// The member `type` is always `about:blank` (RFC 9457, section 4.2.1), because programs branch on `code`.
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
    /// `code` is a stable identifier in snake_case; `detail` is a sentence for people.
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

    /// 422: a value breaks a rule. `detail` names the field, the value and the expected form.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_value", detail)
    }

    /// 401 with the header `WWW-Authenticate: Bearer`, which RFC 6750 requires.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 404: the resource does not exist, or the caller may not see it.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 409: the request conflicts with the current state.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 503 with `Retry-After: 1`, because a dependency of this service did not respond.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(1)
    }

    /// Sets `Retry-After`, in seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds an extension member to the document (RFC 9457, section 3.2).
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the internal cause, which is logged and never sent to the caller.
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

    /// The stable code that programs branch on.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Makes the error response to the request that `context` describes. `instance` is the path of that request.
    ///
    /// Logs the problem if it is a server error or has an internal cause. No other function logs problems, so each problem is
    /// logged once.
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
                // An extension member never replaces a standard member.
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
    /// A failed call to another service becomes a 503, because the caller can only retry. The log contains the cause, and the
    /// response does not.
    fn from(error: PeerError) -> Self {
        Self::unavailable(error.summary()).caused_by(error.to_string())
    }
}

impl From<SqlError> for Problem {
    /// A database error becomes a 503, because the caller can only retry. The log contains the database's own message, and the
    /// response does not.
    fn from(error: SqlError) -> Self {
        Self::unavailable("the database failed; try again").caused_by(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_member_never_replaces_a_standard_member() {
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
