//! Classifies failed calls by what they prove. The saga acts on the difference: a call that certainly did nothing needs no
//! compensation.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use stoa_service::outbound::{Call, CallError, Peer, Reply};
use stoa_service::text;

/// A definite rejection by the service itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The `code` of its problem document.
    pub code: String,
    /// Its sentence for a person.
    pub detail: String,
    /// The document without the sentence.
    pub members: Map<String, Value>,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallFailure {
    /// The service rejected it: nothing happened, and nothing will.
    #[error("{}: {}", .0.code, .0.detail)]
    Refused(Refusal),
    /// The call was not sent: it did nothing.
    #[error("{0}")]
    NotDone(String),
    /// A rejection before the call reached the service, by a proxy for example. The service did nothing this time; an earlier
    /// attempt may have.
    #[error("{0}")]
    TurnedAway(String),
    /// The call may have had its effect.
    #[error("{cause}")]
    Unknown {
        /// For the log.
        cause: String,
        /// Whether the call may still be in flight.
        in_flight: bool,
    },
}

/// Sends `call` to `peer`; any status other than 2xx is a failure.
pub fn send(peer: &Peer<'_>, call: Call) -> Result<Reply, CallFailure> {
    let target = format!("{} {}", call.method, call.url);
    sort(&target, peer.try_send(call))
}

/// Reads the body of a success. If it cannot be read, the outcome is unknown.
pub fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, CallFailure> {
    reply.json().map_err(|error| CallFailure::Unknown {
        cause: error.to_string(),
        in_flight: false,
    })
}

/// Classifies a response, or its absence, by what it proves.
fn sort(target: &str, reply: Result<Reply, CallError>) -> Result<Reply, CallFailure> {
    let reply = match reply {
        Ok(reply) if reply.status.is_success() => return Ok(reply),
        Ok(reply) => reply,
        Err(CallError::NotSent(cause)) => return Err(CallFailure::NotDone(cause)),
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
        // Its first attempt is still in progress.
        StatusCode::CONFLICT if code == "request_in_progress" => CallFailure::Unknown {
            cause,
            in_flight: true,
        },
        // A rejection before the service was reached.
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::TOO_MANY_REQUESTS => CallFailure::TurnedAway(cause),
        status if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
            if code.is_empty() {
                CallFailure::TurnedAway(cause) // Not a problem of this shop's services: the call did not reach one.
            } else {
                CallFailure::Refused(refusal(code, &reply))
            }
        }
        // The service reports a failure of its own; the effects of the call can be looked up. A proxy's 502 or 504 proves less.
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

    fn proof(result: Result<Reply, CallError>) -> &'static str {
        match sort("POST /x", result) {
            Ok(_) => "done",
            Err(CallFailure::Refused(_)) => "refused",
            Err(CallFailure::NotDone(_)) => "not done",
            Err(CallFailure::TurnedAway(_)) => "turned away",
            Err(CallFailure::Unknown { in_flight, .. }) if in_flight => "in flight",
            Err(CallFailure::Unknown { .. }) => "unknown",
        }
    }

    #[test]
    fn a_refusal_differs_from_nothing_done_and_from_not_known() {
        for (status, code, expected) in [
            (201, "", "done"),
            (402, "payment_declined", "refused"),
            (409, "insufficient_stock", "refused"),
            (409, "request_in_progress", "in flight"),
            (404, "not_found", "refused"),
            (404, "", "turned away"),
            (403, "", "turned away"),
            (429, "rate_limited", "turned away"),
            (503, "unavailable", "unknown"),
            (500, "", "in flight"),
            (504, "", "in flight"),
        ] {
            let given = match (code, status) {
                ("", 404 | 403) => proof(reply(status, json!({}))),
                _ => proof(reply(status, json!({"code": code}))),
            };
            assert_eq!(given, expected, "{status} {code}");
        }
        assert_eq!(proof(Err(CallError::NotSent("x".into()))), "not done");
        assert_eq!(proof(Err(CallError::Lost("x".into()))), "in flight");
    }
}
