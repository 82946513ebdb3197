//! Socket addresses in Envoy's JSON.

use serde_json::{Value, json};

/// A socket address.
pub(super) fn address(ip: &str, port: u16) -> Value {
    json!({"socket_address": {"address": ip, "port_value": port}})
}
