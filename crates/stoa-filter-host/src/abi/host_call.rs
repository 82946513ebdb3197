//! The common part of all host calls: checks whether the call is permitted, and converts the call's result to a status number.

use wasmtime::Caller;

use super::memory::{CallError, Guest};
use crate::host::Host;
use crate::status::Status;

/// The result of a host call: a status number, or a trap, which crashes the filter.
pub(super) type Outcome = wasmtime::Result<u32>;

/// Runs a host call, and converts its result to a status number. The call traps while the filter initializes or allocates memory.
pub(super) fn handle_call(
    caller: Caller<'_, Host>,
    call: impl FnOnce(&mut Guest<'_>) -> Result<(), CallError>,
) -> Outcome {
    if caller.data().restricted {
        wasmtime::bail!(
            "Envoy forbids this host call while a filter initializes or allocates memory"
        );
    }
    handle_call_at_any_time(caller, call)
}

/// As [`handle_call`], but also permitted while the filter initializes or allocates memory.
pub(super) fn handle_call_at_any_time(
    caller: Caller<'_, Host>,
    call: impl FnOnce(&mut Guest<'_>) -> Result<(), CallError>,
) -> Outcome {
    match call(&mut Guest(caller)) {
        Ok(()) => Ok(Status::Ok as u32),
        Err(CallError::Status(status)) => Ok(status as u32),
        Err(CallError::Trap(trap)) => Err(trap),
    }
}
