//! Host calls with which a filter calls other services. An HTTP call waits until the test passes a response to it. gRPC is not
//! supported.

use std::time::Duration;

use wasmtime::{Caller, Linker};

use super::host_call::{Outcome, handle_call};
use crate::call::Call;
use crate::headers::{Headers, Kind};
use crate::host::Host;
use crate::message::Request;
use crate::pairs;
use crate::status::Status;

const UNIMPLEMENTED: u32 = Status::Unimplemented as u32;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_http_call", call)?;
    linker.func_wrap("env", "proxy_get_status", status)?;
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |_: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32| { UNIMPLEMENTED },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| UNIMPLEMENTED,
    )?;
    linker.func_wrap("env", "proxy_grpc_cancel", |_: u32| UNIMPLEMENTED)?;
    linker.func_wrap("env", "proxy_grpc_close", |_: u32| UNIMPLEMENTED)?;
    let send = |_: u32, _: u32, _: u32, _: u32| UNIMPLEMENTED;
    linker.func_wrap("env", "proxy_grpc_send", send)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI defines the arguments")]
fn call(
    caller: Caller<'_, Host>,
    cluster: u32,
    cluster_size: u32,
    headers: u32,
    headers_size: u32,
    body: u32,
    body_size: u32,
    trailers: u32,
    trailers_size: u32,
    timeout: u32,
    token_at: u32,
) -> Outcome {
    handle_call(caller, |guest| {
        let cluster = guest.copy(cluster, cluster_size)?;
        let cluster = String::from_utf8_lossy(&cluster).into_owned();
        let body = guest.copy(body, body_size)?;
        let mut headers = map(guest.bytes(headers, headers_size)?.0);
        let trailers = map(guest.bytes(trailers, trailers_size)?.0);
        guest.write_u32(token_at, 0)?;
        // Envoy reads the timeout as a signed number, so a timeout above `i32::MAX` is invalid.
        let timeout = i32::try_from(timeout).map_err(|_| Status::BadArgument)?;
        let host = guest.host();
        let clusters = host.options.clusters.as_ref();
        let known = clusters.is_none_or(|clusters| clusters.contains(&cluster))
            || host.options.empty_clusters.contains(&cluster);
        let required = [":path", ":method", ":authority"];
        if !known || !required.iter().all(|name| headers.contains(name)) {
            return Err(Status::BadArgument.into());
        }
        if host.options.empty_clusters.contains(&cluster) {
            return Err(Status::InternalFailure.into());
        }
        if !body.is_empty() {
            headers.set("content-length", body.len().to_string());
        }
        let timeout = Duration::from_millis(timeout.unsigned_abs().into());
        let timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
        let token = host.calls.token();
        let call = Call {
            token,
            cluster,
            request: Request {
                headers,
                body,
                trailers,
            },
            timeout,
            root: host.root(),
            due: timeout.map(|timeout| host.now + timeout),
        };
        host.calls.waiting.push(call);
        guest.write_u32(token_at, token)
    })
}

fn status(caller: Caller<'_, Host>, code_at: u32, at: u32, size: u32) -> Outcome {
    handle_call(caller, |guest| {
        let (code, message) = guest.host().calls.status;
        guest.write_u32(code_at, code)?;
        guest.return_bytes(message.as_bytes(), at, size)
    })
}

fn map(bytes: &[u8]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in pairs::decode(bytes) {
        let name = String::from_utf8_lossy(&name).to_ascii_lowercase();
        match name.as_str() {
            "host" => headers.append(Kind::Request, ":authority", &value),
            name => headers.append(Kind::Request, name, &value),
        }
    }
    headers
}
