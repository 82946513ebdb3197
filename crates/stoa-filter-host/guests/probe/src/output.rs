//! Writes the output of an operation to the log or into a header.

use std::cell::Cell;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{LogLevel, MapType, Status};

thread_local! {
    /// The header map to which an operation with the prefix `in-header` writes its output, so that a test can compare the output.
    /// `None`: the output goes to the log.
    static OUTPUT_MAP: Cell<Option<MapType>> = const { Cell::new(None) };
}

/// Runs an operation. The operation writes its output to the header `x-output` of the header map `map`.
pub(crate) fn into_headers(map: MapType, run: impl FnOnce()) {
    OUTPUT_MAP.set(Some(map));
    run();
    OUTPUT_MAP.set(None);
}

pub(crate) fn log(line: &str) {
    let _logged = hostcalls::log(LogLevel::Warn, line);
}

/// Writes the output of an operation. An operation with the prefix `in-header` writes to the header `x-output`. Any other operation
/// writes to the log.
pub(crate) fn report(line: &str) -> Result<(), Status> {
    match OUTPUT_MAP.get() {
        Some(map) => hostcalls::add_map_value(map, "x-output", line),
        None => hostcalls::log(LogLevel::Warn, line),
    }
}
