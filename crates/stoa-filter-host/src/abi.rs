//! The calls that a filter makes, one file an area. What each answers follows proxy-wasm-cpp-host and Envoy's context.

mod buffers;
mod headers;
mod memory;
mod outbound;
mod properties;
mod shared;
mod stream;
mod system;
mod wasi;

use wasmtime::{Caller, Linker};

use crate::host::Host;
use crate::status::Status;

pub(crate) use memory::Guest;

/// A call's answer: a status, or the end of the filter.
type Outcome = wasmtime::Result<u32>;

pub(crate) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    buffers::link(linker)?;
    headers::link(linker)?;
    outbound::link(linker)?;
    properties::link(linker)?;
    shared::link(linker)?;
    stream::link(linker)?;
    system::link(linker)?;
    wasi::link(linker)
}

/// Turns the result of a call into its number. Only a few calls are allowed while a filter initialises or allocates.
fn answer(
    caller: Caller<'_, Host>,
    call: impl FnOnce(&mut Guest<'_>) -> Result<(), Stop>,
) -> Outcome {
    if caller.data().restricted {
        wasmtime::bail!("a host call that Envoy forbids while a filter initialises or allocates");
    }
    unrestricted(caller, call)
}

fn unrestricted(
    caller: Caller<'_, Host>,
    call: impl FnOnce(&mut Guest<'_>) -> Result<(), Stop>,
) -> Outcome {
    match call(&mut Guest(caller)) {
        Ok(()) => Ok(Status::Ok as u32),
        Err(Stop::Status(status)) => Ok(status as u32),
        Err(Stop::Trap(trap)) => Err(trap),
    }
}

/// Why a call ends early.
enum Stop {
    Status(Status),
    Trap(wasmtime::Error),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}
