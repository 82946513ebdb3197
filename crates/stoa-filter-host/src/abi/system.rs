//! Host calls for the log, the clock, ticks and foreign functions.

use std::time::Duration;

use wasmtime::{Caller, Linker};

use super::host_call::{Outcome, handle_call, handle_call_at_any_time};
use crate::host::{Host, Level};
use crate::status::Status;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_log", log)?;
    linker.func_wrap("env", "proxy_get_log_level", get_log_level)?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", time)?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", set_period)?;
    linker.func_wrap("env", "proxy_call_foreign_function", foreign)?;
    Ok(())
}

fn log(caller: Caller<'_, Host>, level: u32, at: u32, size: u32) -> Outcome {
    handle_call_at_any_time(caller, |guest| {
        let level = Level::from_number(level).ok_or(Status::BadArgument)?;
        let (message, host) = guest.bytes(at, size)?;
        host.log(level, message);
        Ok(())
    })
}

/// Returns the log level `Trace`: the host keeps all lines, so the filter may log at every level.
fn get_log_level(caller: Caller<'_, Host>, at: u32) -> Outcome {
    handle_call(caller, |guest| guest.write_u32(at, Level::Trace as u32))
}

fn time(caller: Caller<'_, Host>, at: u32) -> Outcome {
    handle_call(caller, |guest| {
        let now = nanoseconds(guest.host().now);
        guest.write_u64(at, now)
    })
}

fn set_period(caller: Caller<'_, Host>, milliseconds: u32) -> Outcome {
    handle_call(caller, |guest| {
        let host = guest.host();
        let (id, now) = (host.root(), host.now);
        if let Some(root) = host.roots.get_mut(&id) {
            root.period = Duration::from_millis(milliseconds.into());
            root.due = (milliseconds > 0).then_some(now + root.period);
        }
        Ok(())
    })
}

fn foreign(
    caller: Caller<'_, Host>,
    name: u32,
    len: u32,
    arguments: u32,
    arguments_size: u32,
    at: u32,
    size_at: u32,
) -> Outcome {
    handle_call(caller, |guest| {
        let name = String::from_utf8_lossy(guest.bytes(name, len)?.0).into_owned();
        let arguments = guest.copy(arguments, arguments_size)?;
        let host = guest.host();
        let result = if let Some(function) = host.options.foreign.get(&name).cloned() {
            (function.borrow_mut())(&arguments)?
        } else if name == "clear_route_cache" && host.options.clear_route_cache {
            if let Some(stream) = host.stream() {
                stream.route_cache_clears += 1;
            }
            Vec::new()
        } else {
            return Err(Status::NotFound.into());
        };
        guest.return_bytes(&result, at, size_at)
    })
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
