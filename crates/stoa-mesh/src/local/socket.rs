//! Reads and replaces addresses and ports in Envoy's resources.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

/// Reads the address and the port of a `socket_address`. `None` if the address is not IPv4.
pub(super) fn read_address(address: &Value) -> Option<(Ipv4Addr, u16)> {
    let ip = address.get("address")?.as_str()?.parse().ok()?;
    Some((
        ip,
        u16::try_from(address.get("port_value")?.as_u64()?).ok()?,
    ))
}

/// Sets the address and the port of a `socket_address`.
pub(super) fn write_address(address: &mut Value, new: SocketAddr) {
    insert(address, "address", new.ip().to_string().into());
    insert(address, "port_value", new.port().into());
}

/// Replaces a port in every condition on the destination port of a connection. The conditions may be at any depth of `value`.
pub(super) fn replace_port(value: &mut Value, port: u16, new: u16) {
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| replace_port(item, port, new)),
        Value::Object(fields) => {
            if fields.get("destination_port") == Some(&port.into()) {
                fields.insert("destination_port".to_owned(), new.into());
            }
            let range = fields.get_mut("destination_port_range");
            if let Some(range) = range.filter(|range| range.get("start") == Some(&port.into())) {
                *range = json!({"start": new, "end": u32::from(new) + 1});
            }
            fields
                .values_mut()
                .for_each(|field| replace_port(field, port, new));
        }
        _ => {}
    }
}

/// Calls `replacement` with every socket address in `value`, at any depth. If `replacement` returns an address, writes it in place
/// of the socket address.
pub(super) fn replace_addresses(
    value: &mut Value,
    replacement: &mut impl FnMut(Ipv4Addr, u16) -> Option<SocketAddr>,
) {
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| replace_addresses(item, replacement)),
        Value::Object(fields) => {
            if let Some(address) = fields.get_mut("socket_address")
                && let Some((ip, port)) = read_address(address)
                && let Some(new) = replacement(ip, port)
            {
                write_address(address, new);
            }
            fields
                .values_mut()
                .for_each(|field| replace_addresses(field, replacement));
        }
        _ => {}
    }
}

/// Sets a field of `object`, if `object` is a JSON object.
pub(super) fn insert(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(key.to_owned(), value);
    }
}
