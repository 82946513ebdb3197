//! The fault `abort`: the caller gets an error status, and the request does not reach the service.

use super::kind::{Effect, Fault, Kind, whole_number};
use crate::reply::Problem;

/// The HTTP status of the reply to a call that is not a gRPC call, if the configuration sets only a gRPC status.
const DEFAULT_STATUS: u16 = 503;
/// The highest gRPC status (<https://grpc.io/docs/guides/status-codes/>).
const LAST_GRPC_STATUS: u32 = 16;

const NAME: &str = "abort";

pub(super) const KIND: Kind = Kind {
    name: NAME,
    read: |settings| {
        let http = settings.get("http_status");
        let grpc = settings.get("grpc_status");
        if http.is_none() && grpc.is_none() {
            let node = settings.node();
            node.add_error("expected http_status, grpc_status or both");
        }
        let http = http.and_then(|node| node.integer(200..=599));
        let grpc = grpc.and_then(|node| node.integer(0..=LAST_GRPC_STATUS.into()));
        let http = http.map_or(DEFAULT_STATUS, |status| status as u16);
        Some(abort(http, grpc.map(|status| status as u32)))
    },
    read_header,
    #[cfg(not(target_family = "wasm"))]
    setting: super::kind::SettingSyntax {
        value: "[:STATUS]",
        summary: "the caller gets this HTTP status or grpc:STATUS [503]",
        expected: "an HTTP status from 200 to 599, or grpc:STATUS with a status from 0 to 16",
        configure: |value| {
            let Effect::Reply(problem) = read_header(Some(value.unwrap_or("503"))).ok()?.effect
            else {
                return None;
            };
            Some(match problem.grpc_status {
                Some(status) => serde_json::json!({"grpc_status": status}),
                None => serde_json::json!({"http_status": problem.status}),
            })
        },
    },
    #[cfg(not(target_family = "wasm"))]
    describe: |fault| match &fault.effect {
        Effect::Reply(problem) => match problem.grpc_status {
            Some(status) => Some(format!("grpc:{status}")),
            None => Some(problem.status)
                .filter(|status| *status != DEFAULT_STATUS)
                .map(|status| status.to_string()),
        },
        _ => None,
    },
};

/// Reads an HTTP status such as `503`, or a gRPC status such as `grpc:14`.
fn read_header(value: Option<&str>) -> Result<Fault, String> {
    let Some(status) = value.and_then(|value| value.strip_prefix("grpc:")) else {
        return Ok(abort(whole_number(NAME, value, 200, 599)? as u16, None));
    };
    let status = status.parse().ok();
    let status = status.filter(|status| *status <= LAST_GRPC_STATUS);
    let status = status.ok_or("abort=grpc:STATUS with a status from 0 to 16")?;
    Ok(abort(DEFAULT_STATUS, Some(status)))
}

/// An abort: the reply is a problem document with `http_status`, from 200 to 599. If `grpc_status` (0 to 16) is set, a gRPC call
/// gets this gRPC status instead of the problem document.
pub fn abort(http_status: u16, grpc_status: Option<u32>) -> Fault {
    Fault {
        kind: NAME,
        effect: Effect::Reply(Problem {
            status: http_status,
            code: "fault_injected",
            detail: "the request was aborted on purpose".to_owned(),
            decline_code: None,
            grpc_status,
        }),
    }
}
