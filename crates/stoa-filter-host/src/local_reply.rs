//! Local replies: defines the replies that Envoy itself sends, and converts a local reply to the response that the caller gets.

use crate::headers::{Headers, Kind};
use crate::misuse::Side;

/// The arguments of `send_local_response`.
#[derive(Clone, Debug)]
pub(crate) struct LocalReply {
    pub(crate) status: u32,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) grpc_status: Option<u32>,
    pub(crate) details: String,
}

/// The reply to a stream whose filter crashed.
pub(crate) fn failure() -> LocalReply {
    const UNAVAILABLE: u32 = 14;
    LocalReply {
        grpc_status: Some(UNAVAILABLE),
        ..envoy_reply(503, "", "wasm_fail_stream")
    }
}

/// The reply for a body that exceeds the buffer limit.
pub(crate) fn too_large(side: Side) -> LocalReply {
    match side {
        Side::Request => envoy_reply(413, "Payload Too Large", "request_payload_too_large"),
        Side::Response => envoy_reply(500, "Internal Server Error", "response_payload_too_large"),
    }
}

/// The reply for a request from which the filter removed the path, so that no route matches.
pub(crate) fn no_route() -> LocalReply {
    envoy_reply(404, "", NO_ROUTE)
}

/// The reply for a request from which the filter removed the method.
pub(crate) fn no_method() -> LocalReply {
    envoy_reply(503, "missing required header: :method", NO_METHOD)
}

/// The value of the property `response.flags` for a local reply with these details. The bits are Envoy's response flags NR (no
/// route found) and DPE (downstream protocol error).
pub(crate) fn flags(details: &str) -> i64 {
    match details {
        NO_ROUTE => 0x100,
        NO_METHOD => 0x4_0000,
        _ => 0,
    }
}

const NO_ROUTE: &str = "route_not_found";
const NO_METHOD: &str = "filter_removed_required_request_headers{missing_required_header:_:method}";

/// The reply for a response from which the filter removed the status.
pub(crate) fn no_status() -> LocalReply {
    let details = "filter_removed_required_response_headers{missing_required_header:_:status}";
    envoy_reply(502, "missing required header: :status", details)
}

fn envoy_reply(status: u32, body: &str, details: &str) -> LocalReply {
    LocalReply {
        status,
        headers: Vec::new(),
        body: body.into(),
        grpc_status: None,
        details: details.into(),
    }
}

/// Converts a local reply to the headers and the body that the caller gets.
pub(crate) fn caller_message(reply: &LocalReply, grpc: bool, head: bool) -> (Headers, Vec<u8>) {
    let mut headers = Headers::new();
    headers.add(":status", reply.status.to_string());
    for (name, value) in &reply.headers {
        headers.append(Kind::Response, &String::from_utf8_lossy(name), value);
    }
    if grpc {
        headers.set(":status", "200");
        headers.set("content-type", "application/grpc");
        if headers.get("grpc-status").is_none_or(str::is_empty) {
            let status = reply.grpc_status.unwrap_or(grpc_status(reply.status));
            headers.set("grpc-status", status.to_string());
        }
        if !reply.body.is_empty() && !head {
            headers.set("grpc-message", percent_encoded(&reply.body));
        }
        headers.remove("content-length");
        return (headers, Vec::new());
    }
    if reply.body.is_empty() {
        headers.remove("content-length");
        headers.remove("content-type");
    } else {
        headers.set("content-length", reply.body.len().to_string());
        if !headers.contains("content-type") {
            headers.add("content-type", "text/plain");
        }
    }
    let body = match head {
        true => Vec::new(),
        false => reply.body.clone(),
    };
    (headers, body)
}

/// The gRPC status that corresponds to an HTTP status.
pub(crate) fn grpc_status(status: u32) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

fn percent_encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b' '..=b'$' | b'&'..=b'}' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
