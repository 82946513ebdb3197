//! The response that a caller gets in the place of payment's.

/// A response of the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A problem document (RFC 9457) with this status.
    Http {
        /// The status.
        status: u16,
        /// The document.
        body: String,
    },
    /// A gRPC status.
    Grpc(u32),
}

/// What a fault states in its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// The code of the problem document.
    pub code: &'static str,
    /// Its detail.
    pub detail: String,
    /// Its `decline_code`, as payment adds one when a card is declined.
    pub decline_code: Option<String>,
    /// The gRPC status that replaces the document for a gRPC call, 0 to 16.
    pub grpc_status: Option<u32>,
}

/// What a reply states about the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The path without its query.
    pub instance: String,
    /// `x-request-id`.
    pub request_id: String,
    /// Whether it is a gRPC call.
    pub grpc: bool,
}

impl Reply {
    /// The reply to this request.
    pub fn new(problem: &Problem, about: &About) -> Self {
        if let Some(status) = problem.grpc_status.filter(|_| about.grpc) {
            return Self::Grpc(status);
        }
        let document = nojson::object(|document| {
            document.member("type", "about:blank")?;
            document.member("title", title(problem.status))?;
            document.member("status", problem.status)?;
            document.member("detail", &problem.detail)?;
            document.member("instance", &about.instance)?;
            document.member("code", problem.code)?;
            document.member("request_id", &about.request_id)?;
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

/// The reason phrase of a status (RFC 9110, section 15), for those that are injected often.
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
