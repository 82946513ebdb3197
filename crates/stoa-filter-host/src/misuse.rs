//! Mistakes that a filter makes, and that the host calls do not reject. In Envoy, such a mistake crashes the proxy, corrupts a
//! message or makes a client hang.

use std::fmt;

/// A direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request, which flows from the caller to the upstream.
    Request,
    /// The response, which flows from the upstream to the caller.
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

/// A mistake that a filter makes, and that the host calls do not reject.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The filter resumed a message that was not paused. Envoy would send the request twice, or crash.
    ResumedUnpaused(Side),
    /// The filter resumed a message in the callback that handles the message. The message is paused only after the callback
    /// returns.
    ResumedTooEarly(Side),
    /// The filter resumed a request to which it had already replied.
    ResumedAfterReply,
    /// The filter replied twice. Envoy would drop the second reply, or the client would hang.
    SecondReply,
    /// The filter replied after the response's headers were sent. Envoy would reset the stream.
    ReplyTooLate,
    /// The filter replied, resumed or reset in a context that is not a stream. The call has no effect. This variant holds the name
    /// of the host call.
    NoStream(&'static str),
    /// The filter paused a message and did not resume it before the stream ended. The client would hang.
    NeverResumed(Side),
    /// The filter changed the body but not `content-length`. The receiver would wait for more bytes, or read extra bytes as the
    /// next message.
    WrongLength {
        /// The direction of the message.
        side: Side,
        /// The value of `content-length`.
        header: String,
        /// The length of the sent body in bytes.
        body: usize,
    },
    /// The filter set a header to a value with a line break or a zero byte. This variant holds the header's name.
    BadHeader(String),
    /// The filter made a gauge negative, so that the gauge wraps to a huge number. This variant holds the gauge's name.
    NegativeGauge(String),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResumedUnpaused(side) => {
                write!(f, "the filter resumed a {side} that was not paused")
            }
            Self::ResumedTooEarly(side) => write!(
                f,
                "the filter resumed a {side} in the callback that handles it; return Continue instead"
            ),
            Self::ResumedAfterReply => {
                f.write_str("the filter resumed a request to which it had already replied")
            }
            Self::SecondReply => f.write_str("the filter replied twice to one request"),
            Self::ReplyTooLate => {
                f.write_str("the filter replied after the response's headers were sent")
            }
            Self::NoStream(call) => {
                write!(
                    f,
                    "the filter called {call} in a context that is not a stream"
                )
            }
            Self::NeverResumed(side) => {
                write!(
                    f,
                    "the filter paused a {side} and did not resume it, so the client hangs"
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
