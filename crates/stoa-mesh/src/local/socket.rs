//! Addresses and ports in Envoy's resources.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

/// The address and port of an IPv4 socket address.
pub(super) fn read(address: &Value) -> Option<(Ipv4Addr, u16)> {
    let ip = address.get("address")?.as_str()?.parse().ok()?;
    Some((
        ip,
        u16::try_from(address.get("port_value")?.as_u64()?).ok()?,
    ))
}

/// Sets a socket address.
pub(super) fn write(address: &mut Value, here: SocketAddr) {
    insert(address, "address", here.ip().to_string().into());
    insert(address, "port_value", here.port().into());
}

/// Replaces the port in every match on a connection's destination.
pub(super) fn each_port(value: &mut Value, port: u16, here: u16) {
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| each_port(item, port, here)),
        Value::Object(fields) => {
            if fields.get("destination_port") == Some(&port.into()) {
                fields.insert("destination_port".to_owned(), here.into());
            }
            let range = fields.get_mut("destination_port_range");
            if let Some(range) = range.filter(|range| range.get("start") == Some(&port.into())) {
                *range = json!({"start": here, "end": u32::from(here) + 1});
            }
            fields
                .values_mut()
                .for_each(|field| each_port(field, port, here));
        }
        _ => {}
    }
}

/// Replaces every socket address that has a replacement.
pub(super) fn each_address(
    value: &mut Value,
    other: &mut impl FnMut(Ipv4Addr, u16) -> Option<SocketAddr>,
) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_address(item, other)),
        Value::Object(fields) => {
            if let Some(address) = fields.get_mut("socket_address")
                && let Some((ip, port)) = read(address)
                && let Some(here) = other(ip, port)
            {
                write(address, here);
            }
            fields
                .values_mut()
                .for_each(|field| each_address(field, other));
        }
        _ => {}
    }
}

/// Sets a field of an object.
pub(super) fn insert(into: &mut Value, key: &str, value: Value) {
    if let Value::Object(fields) = into {
        fields.insert(key.to_owned(), value);
    }
}
