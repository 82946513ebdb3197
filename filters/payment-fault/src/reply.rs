//! Builds the responses that a caller gets instead of payment's response.

/// A response that the filter sends itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A problem document (RFC 9457) with this status.
    Http {
        /// The HTTP status.
        status: u16,
        /// The problem document as JSON.
        body: String,
    },
    /// A gRPC status, for a gRPC call.
    Grpc(u32),
}

/// The parts of a reply that depend on the fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// The member `code` of the problem document.
    pub code: &'static str,
    /// The member `detail`.
    pub detail: String,
    /// The member `decline_code`, which payment adds when a card is declined.
    pub decline_code: Option<String>,
    /// The gRPC status, 0 to 16. A gRPC call gets this status instead of the problem document.
    pub grpc_status: Option<u32>,
}

/// The parts of a reply that depend on the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// The member `instance`: the request's path without its query.
    pub instance: String,
    /// The member `request_id`: the value of `x-request-id`.
    pub request_id: String,
    /// Whether the request is a gRPC call.
    pub grpc: bool,
}

impl Reply {
    /// Builds the reply to a request.
    pub fn new(problem: &Problem, info: &RequestInfo) -> Self {
        if let Some(status) = problem.grpc_status.filter(|_| info.grpc) {
            return Self::Grpc(status);
        }
        let document = nojson::object(|document| {
            document.member("type", "about:blank")?;
            document.member("title", title(problem.status))?;
            document.member("status", problem.status)?;
            document.member("detail", &problem.detail)?;
            document.member("instance", &info.instance)?;
            document.member("code", problem.code)?;
            document.member("request_id", &info.request_id)?;
            match &problem.decline_code {
                Some(code) => document.member("decline_code", code),
                None => Ok(()),
            }
        });
        Self::Http {
            status: problem.status,
            body: document.to_string(),
        }
    }
}

/// The reason phrase of a status (RFC 9110, section 15), or `Injected Fault` for a status that is rarely injected.
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        409 => "Conflict",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Injected Fault",
    }
}
