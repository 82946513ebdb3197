//! The WASI calls that Envoy supports: log, clock, environment and random numbers. All other WASI calls return the same error
//! number as in Envoy.

use wasmtime::{Caller, Linker};

use super::host_call::Outcome;
use super::memory::{CallError, Guest};
use super::system::nanoseconds;
use crate::host::{Host, Level, abi_size};

const BADF: u32 = 8;
const NOTDIR: u32 = 20;
const FAULT: u32 = 21;
const INVAL: u32 = 28;
const NOENT: u32 = 44;
const NOSYS: u32 = 52;
const NOTSUP: u32 = 58;

/// The largest number of random bytes that a filter can get in one call.
const MAX_RANDOM_BYTES: u32 = 64 * 1024;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    link_as(linker, "wasi_snapshot_preview1")?;
    link_as(linker, "wasi_unstable")
}

fn link_as(linker: &mut Linker<Host>, module: &str) -> wasmtime::Result<()> {
    macro_rules! always_returns {
        ($result:expr => $($name:literal ($($type:ty),*)),+ $(,)?) => {
            $(linker.func_wrap(module, $name, |$(_: $type),*| -> u32 { $result })?;)+
        };
    }
    linker.func_wrap(module, "fd_write", fd_write)?;
    linker.func_wrap(module, "fd_fdstat_get", fd_fdstat_get)?;
    linker.func_wrap(module, "environ_get", environ_get)?;
    linker.func_wrap(module, "environ_sizes_get", environ_sizes_get)?;
    linker.func_wrap(module, "args_sizes_get", args_sizes_get)?;
    linker.func_wrap(module, "clock_time_get", clock_time_get)?;
    linker.func_wrap(module, "clock_res_get", clock_res_get)?;
    linker.func_wrap(module, "random_get", random_get)?;
    linker.func_wrap(module, "poll_oneoff", poll_oneoff)?;
    // Envoy logs the call and returns. The filter then crashes, because its code does not expect `proc_exit` to return.
    linker.func_wrap(module, "proc_exit", |_: u32| {})?;
    always_returns!(0 =>
        "args_get"(u32, u32), "sched_yield"(), "fd_close"(u32),
        "fd_seek"(u32, i64, u32, u32), "fd_advise"(u32, u64, u64, u32));
    always_returns!(BADF => "fd_prestat_get"(u32, u32), "fd_filestat_get"(u32, u32));
    always_returns!(NOTDIR => "fd_readdir"(u32, u32, u32, u64, u32));
    always_returns!(NOENT => "path_open"(u32, u32, u32, u32, u32, i64, i64, u32, u32));
    always_returns!(NOSYS =>
        "fd_read"(u32, u32, u32, u32), "fd_pread"(u32, u32, u32, u64, u32),
        "fd_prestat_dir_name"(u32, u32, u32), "fd_fdstat_set_flags"(u32, u32));
    always_returns!(NOTSUP =>
        "path_filestat_get"(u32, u32, u32, u32, u32), "path_create_directory"(u32, u32, u32),
        "path_remove_directory"(u32, u32, u32), "path_unlink_file"(u32, u32, u32));
    Ok(())
}

fn errno(
    caller: Caller<'_, Host>,
    call: impl FnOnce(&mut Guest<'_>) -> Result<u32, CallError>,
) -> Outcome {
    match call(&mut Guest(caller)) {
        Ok(errno) => Ok(errno),
        Err(CallError::Status(_)) => Ok(FAULT),
        Err(CallError::Trap(trap)) => Err(trap),
    }
}

/// Logs the text that the filter prints: standard output at the level info, standard error at the level error.
fn fd_write(
    caller: Caller<'_, Host>,
    fd: u32,
    vectors: u32,
    count: u32,
    written_at: u32,
) -> Outcome {
    errno(caller, |guest| {
        let level = match fd {
            1 => Level::Info,
            2 => Level::Error,
            _ => return Ok(BADF),
        };
        let mut text = Vec::new();
        for vector in 0..count {
            let vector = guest.copy(vectors.wrapping_add(vector.wrapping_mul(8)), 8)?;
            if let [a, b, c, d, e, f, g, h] = *vector {
                let at = u32::from_le_bytes([a, b, c, d]);
                let size = u32::from_le_bytes([e, f, g, h]);
                text.extend_from_slice(guest.bytes(at, size)?.0);
            }
        }
        if !text.is_empty() {
            let line = text.strip_suffix(b"\n").unwrap_or(&text);
            guest.host().log(level, line);
        }
        guest.write_u32(written_at, abi_size(text.len()))?;
        Ok(0)
    })
}

fn fd_fdstat_get(caller: Caller<'_, Host>, fd: u32, at: u32) -> Outcome {
    const RIGHT_TO_WRITE: u64 = 64;
    errno(caller, |guest| {
        if !matches!(fd, 1 | 2) {
            return Ok(BADF);
        }
        guest.write(at, &[0; 24])?;
        guest.write_u64(at.wrapping_add(8), RIGHT_TO_WRITE)?;
        Ok(0)
    })
}

fn environment(guest: &mut Guest<'_>) -> Vec<Vec<u8>> {
    let variables = guest.host().options.environment.iter();
    variables
        .map(|(name, value)| format!("{name}={value}\0").into_bytes())
        .collect()
}

fn environ_get(caller: Caller<'_, Host>, mut pointers: u32, mut text: u32) -> Outcome {
    errno(caller, |guest| {
        for variable in environment(guest) {
            guest.write_u32(pointers, text)?;
            guest.write(text, &variable)?;
            pointers = pointers.wrapping_add(4);
            text = text.wrapping_add(abi_size(variable.len()));
        }
        Ok(0)
    })
}

fn environ_sizes_get(caller: Caller<'_, Host>, count_at: u32, size_at: u32) -> Outcome {
    errno(caller, |guest| {
        let variables = environment(guest);
        guest.write_u32(count_at, abi_size(variables.len()))?;
        guest.write_u32(size_at, abi_size(variables.iter().map(Vec::len).sum()))?;
        Ok(0)
    })
}

fn args_sizes_get(caller: Caller<'_, Host>, count_at: u32, size_at: u32) -> Outcome {
    errno(caller, |guest| {
        guest.write_u32(count_at, 0)?;
        guest.write_u32(size_at, 0)?;
        Ok(0)
    })
}

fn clock_time_get(caller: Caller<'_, Host>, clock: u32, _precision: u64, at: u32) -> Outcome {
    errno(caller, |guest| {
        let host = guest.host();
        let time = match clock {
            0 => host.now,
            1 => host.now.saturating_sub(host.options.now),
            _ => return Ok(NOTSUP),
        };
        guest.write_u64(at, nanoseconds(time))?;
        Ok(0)
    })
}

fn clock_res_get(caller: Caller<'_, Host>, clock: u32, at: u32) -> Outcome {
    errno(caller, |guest| {
        if clock > 1 {
            return Ok(NOTSUP);
        }
        guest.write_u64(at, 1)?;
        Ok(0)
    })
}

fn random_get(caller: Caller<'_, Host>, at: u32, size: u32) -> Outcome {
    errno(caller, |guest| {
        if size > MAX_RANDOM_BYTES {
            return Ok(INVAL);
        }
        let mut bytes = Vec::new();
        for _ in 0..size.div_ceil(8) {
            bytes.extend(guest.host().random().to_le_bytes());
        }
        bytes.truncate(usize::try_from(size).unwrap_or_default());
        guest.write(at, &bytes)?;
        Ok(0)
    })
}

fn poll_oneoff(caller: Caller<'_, Host>, _: u32, _: u32, _: u32, count_at: u32) -> Outcome {
    errno(caller, |guest| {
        guest.write_u32(count_at, 0)?;
        Ok(0)
    })
}
