//! What a caller is told in payment's place.

use crate::fault::Fault;

/// An answer that the filter gives itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A problem document (RFC 9457) with this status.
    Http {
        /// The status.
        status: u16,
        /// The document.
        body: String,
    },
    /// A gRPC status, with the fault's word as its message.
    Grpc(u32),
}

/// What the document says of the request it answers.
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
    /// The answer that a fault is; `None` for one that changes payment's own.
    pub fn of(fault: &Fault, about: &About) -> Option<Self> {
        let lost = "payment answered, and its answer was lost on purpose";
        let (status, code, detail) = match fault {
            Fault::Decline { code } => {
                let detail = ["the card processor declined the payment: ", code].concat();
                (402, "payment_declined", detail)
            }
            Fault::Abort {
                grpc: Some(status), ..
            } if about.grpc => return Some(Self::Grpc(*status)),
            Fault::Abort { http, .. } => (
                *http,
                "fault_injected",
                "the request was aborted on purpose".to_owned(),
            ),
            Fault::LostResponse => (503, "response_lost", lost.to_owned()),
            Fault::Throttle { .. } => return None,
        };
        let document = nojson::object(|document| {
            document.member("type", "about:blank")?;
            document.member("title", title(status))?;
            document.member("status", status)?;
            document.member("detail", &detail)?;
            document.member("instance", &about.instance)?;
            document.member("code", code)?;
            document.member("request_id", &about.request_id)?;
            match fault {
                Fault::Decline { code } => document.member("decline_code", code),
                _ => Ok(()),
            }
        });
        Some(Self::Http {
            status,
            body: document.to_string(),
        })
    }
}

/// The usual phrase of a status (RFC 9110, section 15), for those that are injected often.
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
