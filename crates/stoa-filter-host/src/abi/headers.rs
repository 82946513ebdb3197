//! Host calls for headers and trailers.

use wasmtime::{Caller, Linker};

use super::host_call::{Outcome, handle_call};
use super::memory::{CallError, Guest};
use crate::Headers;
use crate::exchange::Half;
use crate::headers::Kind;
use crate::host::{Host, abi_size};
use crate::misuse::{Misuse, Side};
use crate::pairs;
use crate::status::Status;

/// The maps of headers and trailers that the ABI defines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Map {
    Headers(Side),
    Trailers(Side),
    /// The maps of gRPC calls. The host does not support gRPC calls, so these maps do not exist.
    Grpc,
    CallHeaders,
    CallTrailers,
}

impl Map {
    fn from_number(number: u32) -> Result<Self, CallError> {
        Ok(match number {
            0 => Self::Headers(Side::Request),
            1 => Self::Trailers(Side::Request),
            2 => Self::Headers(Side::Response),
            3 => Self::Trailers(Side::Response),
            4 | 5 => Self::Grpc,
            6 => Self::CallHeaders,
            7 => Self::CallTrailers,
            _ => return Err(Status::BadArgument.into()),
        })
    }

    fn kind(self) -> Kind {
        match self {
            Self::Headers(Side::Request) => Kind::Request,
            Self::Headers(Side::Response) | Self::CallHeaders => Kind::Response,
            _ => Kind::Trailers,
        }
    }

    /// Returns a header map that the filter may read. `None`: the map does not exist, or the filter may not read the map now. In
    /// `on_log`, the filter may read the headers of the request and of the response, and the trailers of the response.
    fn read(self, host: &mut Host) -> Option<&Headers> {
        match self {
            Self::Headers(side) => {
                let stream = host.stream()?;
                let open = stream.logging || stream.half(side).headers_open;
                stream.half(side).headers.as_ref().filter(|_| open)
            }
            Self::Trailers(side) => {
                let stream = host.stream()?;
                let open = match stream.logging {
                    true => side == Side::Response,
                    false => stream.half(side).trailers_open,
                };
                stream.half(side).trailers.as_ref().filter(|_| open)
            }
            Self::Grpc => None,
            Self::CallHeaders => host.calls.response.as_ref().map(|call| &call.headers),
            Self::CallTrailers => {
                let response = host.calls.response.as_ref();
                response
                    .map(|call| &call.trailers)
                    .filter(|trailers| !trailers.is_empty())
            }
        }
    }

    /// Returns a header map that the filter may change. In the callback for the last piece of a body, this function creates the
    /// trailers if they are missing.
    fn write(self, host: &mut Host) -> Result<&mut Headers, CallError> {
        let missing = CallError::Status(Status::BadArgument);
        let Some(stream) = host.stream() else {
            return Err(missing);
        };
        let at_end = stream.end_of_stream;
        let open = |half: &mut Half| half.trailers_open || (half.body_open && at_end);
        let map = match self {
            Self::Headers(side) if stream.half(side).headers_open => {
                stream.half(side).headers.as_mut()
            }
            Self::Trailers(side) if open(stream.half(side)) => {
                let half = stream.half(side);
                half.trailers_open = true;
                Some(half.trailers.get_or_insert_default())
            }
            _ => None,
        };
        map.ok_or(missing)
    }
}

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_header_map_value", get)?;
    linker.func_wrap("env", "proxy_add_header_map_value", add)?;
    linker.func_wrap("env", "proxy_replace_header_map_value", replace)?;
    linker.func_wrap("env", "proxy_remove_header_map_value", remove)?;
    linker.func_wrap("env", "proxy_get_header_map_pairs", pairs)?;
    linker.func_wrap("env", "proxy_set_header_map_pairs", set_pairs)?;
    linker.func_wrap("env", "proxy_get_header_map_size", size)?;
    Ok(())
}

fn get(caller: Caller<'_, Host>, map: u32, name: u32, len: u32, at: u32, size: u32) -> Outcome {
    handle_call(caller, |guest| {
        let map = Map::from_number(map)?;
        let (name, host) = guest.bytes(name, len)?;
        let name = header_name(map, name);
        let logging = host.stream().is_some_and(|stream| stream.logging);
        let headers = map.read(host).ok_or(match logging {
            true => Status::NotFound,
            false => Status::BadArgument,
        })?;
        let value = headers.bytes(&name).ok_or(Status::NotFound)?.to_vec();
        guest.return_bytes(&value, at, size)
    })
}

fn add(caller: Caller<'_, Host>, map: u32, name: u32, len: u32, value: u32, size: u32) -> Outcome {
    handle_call(caller, |guest| {
        let map = Map::from_number(map)?;
        let (name, value) = name_and_value(guest, map, (name, len), (value, size))?;
        map.write(guest.host())?.append(map.kind(), &name, &value);
        changed(guest, map);
        Ok(())
    })
}

fn replace(caller: Caller<'_, Host>, map: u32, name: u32, len: u32, at: u32, size: u32) -> Outcome {
    handle_call(caller, |guest| {
        let map = Map::from_number(map)?;
        let (name, value) = name_and_value(guest, map, (name, len), (at, size))?;
        map.write(guest.host())?.set(&name, &value);
        changed(guest, map);
        Ok(())
    })
}

fn remove(caller: Caller<'_, Host>, map: u32, name: u32, len: u32) -> Outcome {
    handle_call(caller, |guest| {
        let map = Map::from_number(map)?;
        let (name, host) = guest.bytes(name, len)?;
        map.write(host)?.remove(&header_name(map, name));
        changed(guest, map);
        Ok(())
    })
}

/// Returns all entries of a map. A missing map counts as empty.
fn pairs(caller: Caller<'_, Host>, map: u32, at: u32, size: u32) -> Outcome {
    handle_call(caller, |guest| {
        let map = Map::from_number(map)?;
        let headers = map.read(guest.host()).filter(|map| !map.is_empty());
        let bytes = headers.map_or_else(Vec::new, |headers| {
            let headers = headers.iter();
            pairs::encode(headers.map(|(name, value)| (name.as_bytes(), value)))
        });
        guest.return_bytes(&bytes, at, size)
    })
}

fn set_pairs(caller: Caller<'_, Host>, map: u32, at: u32, size: u32) -> Outcome {
    handle_call(caller, |guest| {
        let map = Map::from_number(map)?;
        let list = pairs::decode(guest.bytes(at, size)?.0);
        *map.write(guest.host())? = Headers::new();
        for (name, value) in list {
            let name = header_name(map, &name);
            check(guest, &name, &value);
            map.write(guest.host())?.append(map.kind(), &name, &value);
        }
        changed(guest, map);
        Ok(())
    })
}

fn size(caller: Caller<'_, Host>, map: u32, at: u32) -> Outcome {
    handle_call(caller, |guest| {
        let map = Map::from_number(map)?;
        let size = map.write(guest.host())?.size();
        guest.write_u32(at, abi_size(size))
    })
}

fn name_and_value(
    guest: &mut Guest<'_>,
    map: Map,
    (name, name_size): (u32, u32),
    (value, value_size): (u32, u32),
) -> Result<(String, Vec<u8>), CallError> {
    let name = header_name(map, guest.bytes(name, name_size)?.0);
    let value = guest.copy(value, value_size)?;
    check(guest, &name, &value);
    Ok((name, value))
}

/// Converts a header's name to lower case. `host` in a request is another name for `:authority`.
fn header_name(map: Map, name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    match map {
        Map::Headers(Side::Request) if name == "host" => ":authority".into(),
        _ => name,
    }
}

fn check(guest: &mut Guest<'_>, name: &str, value: &[u8]) {
    if value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
        guest.host().misuse(Misuse::BadHeader(name.into()));
    }
}

/// Records that the filter changed a map. If a filter with this ABI changes the request's headers, Envoy selects the route again.
fn changed(guest: &mut Guest<'_>, map: Map) {
    if map == Map::Headers(Side::Request)
        && let Some(stream) = guest.host().stream()
    {
        stream.route_cache_clears += 1;
    }
}
