//! Mistakes that Envoy ignores silently, or that hang a client.

use std::fmt;

/// One side of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From the caller to the upstream.
    Request,
    /// From the upstream to the caller.
    Response,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
        })
    }
}

/// A mistake of a filter that no host call rejects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// Resumed a message that was not paused: Envoy sends the request twice, or crashes.
    ResumedWhatFlows(Side),
    /// Resumed a message from the callback that handles it, before it returned: the message is not paused yet.
    ResumedTooEarly(Side),
    /// Resumed a request that was already answered.
    ResumedAfterReply,
    /// Replied twice. Envoy drops the second reply, or the client hangs.
    SecondReply,
    /// Replied after the response's headers were sent: Envoy resets the stream.
    ReplyTooLate,
    /// Replied, resumed or reset from a context that is not a stream: nothing happens.
    NoStream(&'static str),
    /// A paused message was never resumed, and its stream has ended: the client hangs.
    NeverResumed(Side),
    /// The body was changed but not `content-length`: the receiver waits for the rest, or reads it as the next message.
    WrongLength {
        /// The side of the body.
        side: Side,
        /// The value of `content-length`.
        header: String,
        /// The length of the sent body in bytes.
        body: usize,
    },
    /// A header's value with a line break or a zero byte.
    BadHeader(String),
    /// A gauge went below zero, which wraps.
    NegativeGauge(String),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResumedWhatFlows(side) => {
                write!(f, "the filter resumed a {side} that was not paused")
            }
            Self::ResumedTooEarly(side) => write!(
                f,
                "the filter resumed a {side} from the callback that handles it: return Continue instead"
            ),
            Self::ResumedAfterReply => {
                f.write_str("the filter resumed a request that was already answered")
            }
            Self::SecondReply => f.write_str("the filter replied twice to one request"),
            Self::ReplyTooLate => {
                f.write_str("the filter replied when the response's headers had already left")
            }
            Self::NoStream(call) => {
                write!(
                    f,
                    "the filter called {call} from a context that is not a stream"
                )
            }
            Self::NeverResumed(side) => {
                write!(
                    f,
                    "the filter paused a {side} and never resumed it: the client hangs"
                )
            }
            Self::WrongLength { side, header, body } => write!(
                f,
                "the filter changed the body of a {side} to {body} bytes, but content-length is {header}"
            ),
            Self::BadHeader(name) => write!(
                f,
                "the filter set the header {name} to a value with a line break or a zero byte"
            ),
            Self::NegativeGauge(name) => {
                write!(f, "the filter made the gauge {name} negative")
            }
        }
    }
}
