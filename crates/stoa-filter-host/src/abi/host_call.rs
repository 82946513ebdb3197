//! The frame of every call: who may make it, and how its result becomes a number.

use wasmtime::Caller;

use super::memory::{Guest, Stop};
use crate::host::Host;
use crate::status::Status;

/// A call's answer: a status, or the end of the filter.
pub(super) type Outcome = wasmtime::Result<u32>;

/// Turns the result of a call into its number. Only a few calls are allowed while a filter initialises or allocates.
pub(super) fn answer(
    caller: Caller<'_, Host>,
    call: impl FnOnce(&mut Guest<'_>) -> Result<(), Stop>,
) -> Outcome {
    if caller.data().restricted {
        wasmtime::bail!("a host call that Envoy forbids while a filter initialises or allocates");
    }
    unrestricted(caller, call)
}

/// As [`answer`], at any time.
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
