//! Host calls that resume, reset or reply to a stream, and that select or end a context.

use wasmtime::{Caller, Linker};

use super::host_call::{Outcome, handle_call};
use super::memory::Guest;
use crate::host::{Action, Host};
use crate::local_reply::LocalReply;
use crate::misuse::{Misuse, Side};
use crate::pairs;
use crate::status::Status;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_continue_stream", resume)?;
    linker.func_wrap("env", "proxy_close_stream", close)?;
    linker.func_wrap("env", "proxy_send_local_response", reply)?;
    linker.func_wrap("env", "proxy_set_effective_context", set_effective_context)?;
    linker.func_wrap("env", "proxy_done", done)?;
    Ok(())
}

/// Returns the id of the stream to which a call applies. If the context is not a stream, records a misuse and returns `None`.
/// Envoy ignores such a call.
fn stream_id(guest: &mut Guest<'_>, call: &'static str) -> Option<u32> {
    let host = guest.host();
    if host.stream().is_none() {
        host.misuse(Misuse::NoStream(call));
        return None;
    }
    Some(host.context())
}

fn resume(caller: Caller<'_, Host>, kind: u32) -> Outcome {
    handle_call(caller, |guest| {
        let side = match kind {
            0 => Side::Request,
            1 => Side::Response,
            2 => return Ok(()),
            3 => return Err(Status::Unimplemented.into()),
            _ => return Err(Status::BadArgument.into()),
        };
        let Some(id) = stream_id(guest, "continue_stream") else {
            return Ok(());
        };
        let host = guest.host();
        host.actions.push_back(Action::Continue(id, side));
        if let Some(stream) = host.stream() {
            // As in Envoy, this host call always ends the filter's access to the request's headers, body and trailers, even if the
            // filter resumes the response.
            stream.request.headers_open = false;
            stream.request.body_open = false;
            stream.request.trailers_open = false;
        }
        Ok(())
    })
}

fn close(caller: Caller<'_, Host>, kind: u32) -> Outcome {
    handle_call(caller, |guest| match kind {
        0 | 1 => {
            if let Some(id) = stream_id(guest, "close_stream") {
                guest.host().actions.push_back(Action::Close(id));
            }
            Ok(())
        }
        2 | 3 => Ok(()),
        _ => Err(Status::BadArgument.into()),
    })
}

#[expect(clippy::too_many_arguments, reason = "the ABI defines the arguments")]
fn reply(
    caller: Caller<'_, Host>,
    status: u32,
    details: u32,
    details_size: u32,
    body: u32,
    body_size: u32,
    headers: u32,
    headers_size: u32,
    grpc_status: u32,
) -> Outcome {
    handle_call(caller, |guest| {
        let details = guest.copy(details, details_size)?;
        let details = String::from_utf8_lossy(&details);
        let reply = LocalReply {
            status,
            details: details.replace(|c: char| c.is_ascii_whitespace(), "_"),
            body: guest.copy(body, body_size)?,
            headers: pairs::decode(guest.bytes(headers, headers_size)?.0),
            grpc_status: Some(grpc_status).filter(|status| *status <= 16),
        };
        if let Some(id) = stream_id(guest, "send_local_response") {
            guest.host().actions.push_back(Action::Reply(id, reply));
        }
        guest.host().stopped = true;
        Ok(())
    })
}

fn set_effective_context(caller: Caller<'_, Host>, id: u32) -> Outcome {
    handle_call(caller, |guest| {
        if !guest.host().exists(id) {
            return Err(Status::BadArgument.into());
        }
        guest.host().effective = id;
        Ok(())
    })
}

fn done(caller: Caller<'_, Host>) -> Outcome {
    handle_call(caller, |guest| {
        let host = guest.host();
        let id = host.context();
        let root = host.roots.get_mut(&id);
        let pending = root.filter(|root| root.done_pending);
        pending.ok_or(Status::NotFound)?.done_pending = false;
        host.actions.push_back(Action::Delete(id));
        Ok(())
    })
}
