//! The fault `lost_response`: the service does its work, but the caller receives 503. So the card is charged, but the caller does
//! not know this.

use super::kind::{Effect, Fault, Kind};
use crate::reply::Problem;

const NAME: &str = "lost_response";

pub(super) const KIND: Kind = Kind {
    name: NAME,
    read: |_| Some(lost_response()),
    read_header: |value| match value {
        None => Ok(lost_response()),
        Some(_) => Err("lost_response without a value".to_owned()),
    },
    #[cfg(not(target_family = "wasm"))]
    setting: super::kind::SettingSyntax {
        value: "",
        summary: "payment does its work, but the caller gets 503",
        expected: "no value",
        configure: |value| value.is_none().then(|| serde_json::json!({})),
    },
    #[cfg(not(target_family = "wasm"))]
    describe: |_| None,
};

/// A lost response: the caller gets 503 instead of a response with a 2xx status.
pub fn lost_response() -> Fault {
    Fault {
        kind: NAME,
        effect: Effect::LoseResponse(Problem {
            status: 503,
            code: "response_lost",
            detail: "payment responded, but its response was discarded on purpose".to_owned(),
            decline_code: None,
            grpc_status: None,
        }),
    }
}
