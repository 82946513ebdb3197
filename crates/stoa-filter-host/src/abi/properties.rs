//! Host calls for properties.

use std::time::Duration;

use wasmtime::{Caller, Linker};

use super::host_call::{Outcome, handle_call};
use super::system::nanoseconds;
use crate::exchange::Exchange;
use crate::host::Host;
use crate::property::{Value, segments};
use crate::status::Status;
use crate::{Headers, local_reply, pairs};

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_property", get)?;
    linker.func_wrap("env", "proxy_set_property", set)?;
    Ok(())
}

/// Returns a property. The first source that has the property wins: properties that the test set for this stream, then properties
/// that the host derives from the messages, then properties that the test set for all streams, then properties that the filter set.
fn get(caller: Caller<'_, Host>, path: u32, len: u32, at: u32, size: u32) -> Outcome {
    handle_call(caller, |guest| {
        let path = guest.copy(path, len)?;
        let host = guest.host();
        let now = host.now;
        let mut found = host.stream().and_then(|stream| {
            let value = stream.properties.get(&path).map(Value::encode);
            value.or_else(|| derived(stream, now, &path))
        });
        if found.is_none() {
            found = host.options.properties.get(&path).map(Value::encode);
        }
        if found.is_none()
            && let Some(stream) = host.stream()
        {
            found = state(stream, &path);
        }
        let value = found.ok_or(Status::NotFound)?;
        guest.return_bytes(&value, at, size)
    })
}

/// Sets a property in the stream's filter state. The whole path is the key.
fn set(caller: Caller<'_, Host>, path: u32, len: u32, at: u32, size: u32) -> Outcome {
    handle_call(caller, |guest| {
        let path = guest.copy(path, len)?;
        let value = guest.copy(at, size)?;
        let stream = guest.host().stream().ok_or(Status::NotFound)?;
        stream.filter_state.retain(|(key, _)| *key != path);
        stream.filter_state.push((path, value));
        Ok(())
    })
}

/// Looks up a property in the stream's filter state. Only a path with a single segment can match: Envoy looks up the first segment
/// and finds plain bytes, in which it cannot look up a second segment.
fn state(stream: &Exchange, path: &[u8]) -> Option<Vec<u8>> {
    let mut segments = segments(path);
    let key = segments.next().filter(|_| segments.next().is_none())?;
    let state = stream.filter_state.iter().find(|(name, _)| name == key);
    state.map(|(_, value)| value.clone())
}

/// Derives a property from the request and the response, as observed in Envoy 1.40. Headers and trailers are available only when
/// the filter may also read them by host calls. Byte counts, and properties that the filter set (`filter_state`), are always
/// available.
fn derived(stream: &Exchange, now: Duration, path: &[u8]) -> Option<Vec<u8>> {
    let path: Vec<_> = segments(path).map(String::from_utf8_lossy).collect();
    let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    match path.as_slice() {
        ["request", rest @ ..] => request(stream, now, rest),
        ["response", rest @ ..] => response(stream, rest),
        ["filter_state", name] => {
            let name = name.strip_prefix("wasm.")?;
            state(stream, name.as_bytes())
        }
        _ => None,
    }
}

fn request(stream: &Exchange, now: Duration, path: &[&str]) -> Option<Vec<u8>> {
    let half = &stream.request;
    let open = half.headers_open || stream.logging;
    let headers = half.headers.as_ref().filter(|_| open);
    let header = |name: &str| Some(headers?.bytes(name)?.to_vec());
    match path {
        ["path"] => header(":path"),
        ["url_path"] => {
            let path = header(":path")?;
            Some(path.split(|byte| *byte == b'?').next()?.to_vec())
        }
        ["query"] => {
            let path = header(":path")?;
            let at = path.iter().position(|byte| *byte == b'?')?;
            Some(path.get(at + 1..)?.to_vec())
        }
        ["host"] => header(":authority"),
        ["scheme"] => header(":scheme"),
        ["method"] => header(":method"),
        ["referer"] => header("referer"),
        ["useragent"] => header("user-agent"),
        ["id"] => header("x-request-id"),
        ["protocol"] => Some(b"HTTP/1.1".to_vec()),
        ["time"] => Some(nanoseconds(stream.begun).to_le_bytes().to_vec()),
        ["duration"] => {
            let elapsed = now.checked_sub(stream.begun).filter(|_| stream.logging)?;
            Some(nanoseconds(elapsed).to_le_bytes().to_vec())
        }
        // The property `size` is the value of `content-length`. If the message does not have this header, it is the number of
        // bytes of the body that have arrived.
        ["size"] => {
            let declared = headers.and_then(|headers| headers.get("content-length"));
            encode_size(declared.map_or(Some(half.received), |length| length.parse().ok())?)
        }
        ["total_size"] => encode_size(half.received + headers.map_or(0, Headers::size)),
        ["headers"] => Some(map(headers)),
        ["headers", name] => header(name),
        _ => None,
    }
}

fn response(stream: &Exchange, path: &[&str]) -> Option<Vec<u8>> {
    let half = &stream.response;
    let readable =
        |map: &'_ Option<Headers>, open: bool| map.clone().filter(|_| open || stream.logging);
    let headers = readable(&half.headers, half.headers_open);
    let trailers = readable(&half.trailers, half.trailers_open);
    let status = || half.headers.as_ref()?.get(":status")?.parse::<u32>().ok();
    match path {
        ["code"] => Some(i64::from(status()?).to_le_bytes().to_vec()),
        ["code_details"] => {
            let details = match &stream.replied {
                Some((details, _)) => details.clone(),
                None => half.headers.as_ref().map(|_| "via_upstream".to_owned())?,
            };
            Some(details.into_bytes()).filter(|details| !details.is_empty())
        }
        ["flags"] => {
            let replied = stream.replied.as_ref();
            let flags = replied.map_or(0, |(details, _)| local_reply::flags(details));
            Some(flags.to_le_bytes().to_vec())
        }
        // The value of `grpc-status` if it exists, otherwise the gRPC status that corresponds to the HTTP status.
        ["grpc_status"] => {
            let status = status()?;
            let maps = trailers.iter().chain(&headers);
            let mut declared = maps.filter_map(|map| map.get("grpc-status")?.parse().ok());
            let status = declared.next().unwrap_or(local_reply::grpc_status(status));
            Some(i64::from(status).to_le_bytes().to_vec())
        }
        ["size"] => encode_size(half.sent_body.len()),
        ["total_size"] => {
            let maps = headers.iter().chain(&trailers);
            encode_size(half.sent_body.len() + maps.map(Headers::size).sum::<usize>())
        }
        ["headers"] => Some(map(headers.as_ref())),
        ["headers", name] => Some(headers?.bytes(name)?.to_vec()),
        ["trailers", name] => Some(trailers?.bytes(name)?.to_vec()),
        _ => None,
    }
}

/// Encodes a byte count. Envoy encodes a byte count as a signed number.
fn encode_size(bytes: usize) -> Option<Vec<u8>> {
    Some(i64::try_from(bytes).ok()?.to_le_bytes().to_vec())
}

/// Encodes a map of headers. An unavailable map counts as empty.
fn map(headers: Option<&Headers>) -> Vec<u8> {
    let entries = headers.into_iter().flat_map(Headers::iter);
    let entries: Vec<_> = entries.collect();
    pairs::encode(
        entries
            .iter()
            .map(|(name, value)| (name.as_bytes(), *value)),
    )
}
