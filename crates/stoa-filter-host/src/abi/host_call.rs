//! The frame of every call: who may make it, and the conversion of its result to a number.

use wasmtime::Caller;

use super::memory::{Guest, Stop};
use crate::host::Host;
use crate::status::Status;

/// The result of a call: a status, or a trap.
pub(super) type Outcome = wasmtime::Result<u32>;

/// Converts the result of a call to its number. Only a few calls are allowed while a filter initialises or allocates.
pub(super) fn answer(
    caller: Caller<'_, Host>,
    call: impl FnOnce(&mut Guest<'_>) -> Result<(), Stop>,
) -> Outcome {
    if caller.data().restricted {
        wasmtime::bail!("a host call that Envoy forbids while a filter initialises or allocates");
    }
    unrestricted(caller, call)
}

/// As [`answer`], but allowed at any time.
pub(super) fn unrestricted(
    caller: Caller<'_, Host>,
    call: impl FnOnce(&mut Guest<'_>) -> Result<(), Stop>,
) -> Outcome {
    match call(&mut Guest(caller)) {
        Ok(()) => Ok(Status::Ok as u32),
        Err(Stop::Status(status)) => Ok(status as u32),
        Err(Stop::Trap(trap)) => Err(trap),
    }
}
