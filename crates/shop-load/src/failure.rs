//! The result of a request: accepted, rejected as expected, or failed.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use crate::transport::NoAnswer;

/// A correct response.
#[derive(Debug)]
pub(crate) enum Reply<T> {
    Accepted(T),
    /// The shop rejected the request for a documented reason.
    Refused(Refusal),
}

/// An expected rejection, such as a declined card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) order_id: Option<Uuid>,
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// True if both rejections have the same status and code, and belong to the same order.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        (self.status, &self.code, self.order_id) == (other.status, &other.code, other.order_id)
    }
}

/// The reason why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    NoAnswer(NoAnswer),
    /// An error status, or a rejection that is not expected for this request.
    Status {
        status: u16,
        code: Option<String>,
        order_id: Option<Uuid>,
        retry_after: Option<Duration>,
    },
    /// The status is correct, but the content of the response is wrong.
    Wrong(String),
    /// The open loop ended before this customer got a slot.
    NotBegun,
}

impl Failure {
    /// True if the closed loop counts the latency of the failed request. The closed loop does not count the latencies of requests
    /// whose connection broke or was refused. (The open loop counts all latencies.)
    pub(crate) fn is_timed(&self) -> bool {
        !matches!(
            self,
            Self::NoAnswer(NoAnswer::Connect(_) | NoAnswer::Reset(_) | NoAnswer::Protocol(_))
        )
    }

    pub(crate) fn is_status(&self, wanted: u16) -> bool {
        matches!(self, Self::Status { status, .. } if *status == wanted)
    }
}

impl From<NoAnswer> for Failure {
    fn from(reason: NoAnswer) -> Self {
        Self::NoAnswer(reason)
    }
}

impl fmt::Display for Failure {
    /// Formats the kind under which the report counts the failure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer(NoAnswer::Connect(_)) => "connect",
            Self::NoAnswer(NoAnswer::Timeout) => "timeout",
            Self::NoAnswer(NoAnswer::Reset(_)) => "reset",
            Self::NoAnswer(NoAnswer::Protocol(_)) => "protocol",
            Self::Wrong(_) => "wrong answer",
            Self::NotBegun => "not begun",
            Self::Status { status, code, .. } => {
                return match code {
                    Some(code) => write!(f, "{status} {code}"),
                    None => write!(f, "{status} without a code"),
                };
            }
        })
    }
}
