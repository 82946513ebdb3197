//! Properties.

use wasmtime::{Caller, Linker};

use super::{Outcome, answer};
use crate::exchange::Exchange;
use crate::host::Host;
use crate::property::{Value, segments};
use crate::status::Status;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_property", get)?;
    linker.func_wrap("env", "proxy_set_property", set)?;
    Ok(())
}

/// First what the test set, for this stream and then for all; then what follows from the messages; then what a filter
/// of this stream set.
fn get(caller: Caller<'_, Host>, path: u32, len: u32, at: u32, size: u32) -> Outcome {
    answer(caller, |guest| {
        let path = guest.copy(path, len)?;
        let host = guest.host();
        let mut found = host.stream().and_then(|stream| {
            let value = stream.properties.get(&path).map(Value::encode);
            value.or_else(|| derived(stream, &path))
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
        guest.give(&value, at, size)
    })
}

/// Goes into the stream's filter state, whose keys are whole paths.
fn set(caller: Caller<'_, Host>, path: u32, len: u32, at: u32, size: u32) -> Outcome {
    answer(caller, |guest| {
        let path = guest.copy(path, len)?;
        let value = guest.copy(at, size)?;
        let stream = guest.host().stream().ok_or(Status::NotFound)?;
        stream.filter_state.retain(|(key, _)| *key != path);
        stream.filter_state.push((path, value));
        Ok(())
    })
}

/// A path of one segment only: Envoy looks for the first segment and goes on into the value, which is bytes.
fn state(stream: &Exchange, path: &[u8]) -> Option<Vec<u8>> {
    let mut segments = segments(path);
    let key = segments.next().filter(|_| segments.next().is_none())?;
    let state = stream.filter_state.iter().find(|(name, _)| name == key);
    state.map(|(_, value)| value.clone())
}

fn derived(stream: &Exchange, path: &[u8]) -> Option<Vec<u8>> {
    let path: Vec<_> = segments(path).map(String::from_utf8_lossy).collect();
    let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    let half = &stream.request;
    let open = half.headers_open || stream.logging;
    let request = half.headers.as_ref().filter(|_| open);
    let header = |name: &str| Some(request?.bytes(name)?.to_vec());
    match path.as_slice() {
        ["request", "path"] => header(":path"),
        ["request", "url_path"] => {
            let path = header(":path")?;
            Some(path.split(|byte| *byte == b'?').next()?.to_vec())
        }
        ["request", "query"] => {
            let path = header(":path")?;
            let at = path.iter().position(|byte| *byte == b'?')?;
            Some(path.get(at + 1..)?.to_vec())
        }
        ["request", "host"] => header(":authority"),
        ["request", "scheme"] => header(":scheme"),
        ["request", "method"] => header(":method"),
        ["request", "referer"] => header("referer"),
        ["request", "useragent"] => header("user-agent"),
        ["request", "id"] => header("x-request-id"),
        ["request", "headers", name] => header(name),
        ["response", "code"] => {
            let status = stream.response.headers.as_ref()?.get(":status")?;
            Some(status.parse::<i64>().ok()?.to_le_bytes().to_vec())
        }
        ["response", "code_details"] => match &stream.replied {
            Some((details, _)) => Some(details.clone().into_bytes()),
            None => stream
                .response
                .headers
                .as_ref()
                .map(|_| b"via_upstream".to_vec()),
        },
        ["response", "headers", name] => {
            let half = &stream.response;
            let open = half.headers_open || stream.logging;
            let headers = half.headers.as_ref().filter(|_| open)?;
            Some(headers.bytes(name)?.to_vec())
        }
        _ => None,
    }
}
