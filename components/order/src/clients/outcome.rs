//! Classifies failed calls by the effect that they may have had. The saga needs this class, because a call that certainly had no
//! effect needs no compensation.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use stoa_service::outbound::{Call, CallError, Peer, Reply};
use stoa_service::text;

/// A final rejection of a call by the called service itself, and not by a proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The `code` in the service's problem document.
    pub code: String,
    /// The sentence for a person in the problem document.
    pub detail: String,
    /// The other members of the problem document.
    pub members: Map<String, Value>,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallFailure {
    /// The service rejected the call. The call had no effect and will have none.
    #[error("{}: {}", .0.code, .0.detail)]
    Refused(Refusal),
    /// The call was not sent, so it had no effect.
    #[error("{0}")]
    NotSent(String),
    /// The call was rejected before it reached the service, for example by a proxy. This attempt had no effect, but an earlier
    /// attempt may have had one.
    #[error("{0}")]
    NotReached(String),
    /// The outcome is unknown: the call may have had its effect.
    #[error("{cause}")]
    Unknown {
        /// The cause of the failure, for the log.
        cause: String,
        /// Whether the call may still reach the service.
        in_flight: bool,
    },
}

/// Sends `call` to `peer` and returns the response. Any status other than 2xx is an error.
pub fn send(peer: &Peer<'_>, call: Call) -> Result<Reply, CallFailure> {
    let target = format!("{} {}", call.method, call.url);
    classify(&target, peer.try_send(call))
}

/// Reads the body of a successful response. If the body cannot be read, the call's outcome is unknown.
pub fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, CallFailure> {
    reply.json().map_err(|error| CallFailure::Unknown {
        cause: error.to_string(),
        in_flight: false,
    })
}

/// Returns the response if its status is 2xx. Every other result of the call becomes a [`CallFailure`], which states the possible
/// effect of the call.
fn classify(target: &str, reply: Result<Reply, CallError>) -> Result<Reply, CallFailure> {
    let reply = match reply {
        Ok(reply) if reply.status.is_success() => return Ok(reply),
        Ok(reply) => reply,
        Err(CallError::NotSent(cause)) => return Err(CallFailure::NotSent(cause)),
        Err(CallError::Lost(cause)) => {
            return Err(CallFailure::Unknown {
                cause,
                in_flight: true,
            });
        }
    };
    let code = reply.code();
    let cause = format!(
        "{target} answered {} {}",
        reply.status,
        text::shorten(&String::from_utf8_lossy(&reply.body))
    );
    Err(match reply.status {
        // An earlier request with this idempotency key is still in progress, so the outcome of the call is unknown.
        StatusCode::CONFLICT if code == "request_in_progress" => CallFailure::Unknown {
            cause,
            in_flight: true,
        },
        // With these statuses, the call was rejected before the service handled it.
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::TOO_MANY_REQUESTS => CallFailure::NotReached(cause),
        status if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
            if code.is_empty() {
                // Every service of the shop sets a code, so a response without a code is from a proxy.
                CallFailure::NotReached(cause)
            } else {
                CallFailure::Refused(refusal(code, &reply))
            }
        }
        // With 503 the called service itself reports a failure, so the call has ended and its effect can be looked up. With 502 or
        // 504 a proxy reports a failure, and the call may still be in flight.
        status => CallFailure::Unknown {
            cause,
            in_flight: status != StatusCode::SERVICE_UNAVAILABLE,
        },
    })
}

fn refusal(code: String, reply: &Reply) -> Refusal {
    let mut members = match serde_json::from_slice(&reply.body) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let detail = match members.remove("detail") {
        Some(Value::String(detail)) => detail,
        _ => code.clone(),
    };
    Refusal {
        code,
        detail,
        members,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use stoa_service::testing::reply;

    fn classification(result: Result<Reply, CallError>) -> &'static str {
        match classify("POST /x", result) {
            Ok(_) => "done",
            Err(CallFailure::Refused(_)) => "refused",
            Err(CallFailure::NotSent(_)) => "not sent",
            Err(CallFailure::NotReached(_)) => "not reached",
            Err(CallFailure::Unknown { in_flight, .. }) if in_flight => "in flight",
            Err(CallFailure::Unknown { .. }) => "unknown",
        }
    }

    #[test]
    fn rejected_unsent_and_unknown_calls_are_distinguished() {
        for (status, code, expected) in [
            (201, "", "done"),
            (402, "payment_declined", "refused"),
            (409, "insufficient_stock", "refused"),
            (409, "request_in_progress", "in flight"),
            (404, "not_found", "refused"),
            (404, "", "not reached"),
            (403, "", "not reached"),
            (429, "rate_limited", "not reached"),
            (503, "unavailable", "unknown"),
            (500, "", "in flight"),
            (504, "", "in flight"),
        ] {
            let given = match (code, status) {
                ("", 404 | 403) => classification(reply(status, json!({}))),
                _ => classification(reply(status, json!({"code": code}))),
            };
            assert_eq!(given, expected, "{status} {code}");
        }
        assert_eq!(
            classification(Err(CallError::NotSent("x".into()))),
            "not sent"
        );
        assert_eq!(
            classification(Err(CallError::Lost("x".into()))),
            "in flight"
        );
    }
}
