//! Host calls for buffers: bodies and configurations.

use wasmtime::{Caller, Linker};

use super::host_call::{Outcome, handle_call};
use super::memory::CallError;
use crate::host::{Host, abi_size};
use crate::misuse::Side;
use crate::status::Status;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_buffer_bytes", get)?;
    linker.func_wrap("env", "proxy_set_buffer_bytes", set)?;
    linker.func_wrap("env", "proxy_get_buffer_status", status)?;
    Ok(())
}

/// Returns the bytes of a buffer. `buffer` is the buffer's number in the ABI. A missing body counts as empty.
fn read(host: &mut Host, buffer: u32) -> Result<&[u8], CallError> {
    let none: &[u8] = &[];
    match buffer {
        0 | 1 => {
            let side = side(buffer);
            Ok(host
                .stream()
                .map_or(none, |stream| stream.half(side).body()))
        }
        4 => {
            let response = host.calls.response.as_ref();
            Ok(&response.ok_or(Status::NotFound)?.body)
        }
        6 => Ok(&host.options.vm_configuration),
        7 if host.configuring => {
            let root = host.roots.get(&host.root()).ok_or(Status::NotFound)?;
            Ok(&root.configuration)
        }
        2 | 3 | 5 | 8 => Ok(none),
        7 => Err(Status::NotFound.into()),
        _ => Err(Status::BadArgument.into()),
    }
}

fn side(buffer: u32) -> Side {
    match buffer {
        0 => Side::Request,
        _ => Side::Response,
    }
}

fn get(
    caller: Caller<'_, Host>,
    buffer: u32,
    start: u32,
    length: u32,
    at: u32,
    size_at: u32,
) -> Outcome {
    handle_call(caller, |guest| {
        let bytes = read(guest.host(), buffer)?;
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        let part = bytes.get(start..end.min(bytes.len())).unwrap_or_default();
        let part = part.to_vec();
        guest.return_bytes(&part, at, size_at)
    })
}

/// Changes a body. If `start` is 0, the data replace the first `length` bytes. If `start` is at the end or beyond, the data are
/// appended. Any other `start` is an error.
fn set(
    caller: Caller<'_, Host>,
    buffer: u32,
    start: u32,
    length: u32,
    at: u32,
    size: u32,
) -> Outcome {
    handle_call(caller, |guest| {
        if buffer > 8 {
            return Err(Status::BadArgument.into());
        }
        read(guest.host(), buffer)?;
        let data = guest.copy(at, size)?;
        let stream = guest.host().stream().filter(|_| buffer < 2);
        let half = stream.map(|stream| stream.half(side(buffer)));
        let half = half.ok_or(Status::BadArgument)?;
        let body = half.body_mut().ok_or(Status::BadArgument)?;
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        if start == 0 {
            let drained = usize::try_from(length)
                .unwrap_or(usize::MAX)
                .min(body.len());
            body.splice(..drained, data);
        } else if start >= body.len() {
            body.extend(data);
        } else {
            return Err(Status::BadArgument.into());
        }
        half.body_changed = true;
        Ok(())
    })
}

fn status(caller: Caller<'_, Host>, buffer: u32, length_at: u32, flags_at: u32) -> Outcome {
    handle_call(caller, |guest| {
        let length = abi_size(read(guest.host(), buffer)?.len());
        guest.write_u32(length_at, length)?;
        guest.write_u32(flags_at, 0)
    })
}
