//! The output of an operation: in the log, or in a header.

use std::cell::Cell;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{LogLevel, MapType, Status};

thread_local! {
    /// The headers to which `tell` adds the output of its operation, so that scripts can compare it.
    static HEADERS: Cell<Option<MapType>> = const { Cell::new(None) };
}

/// Runs an operation whose output goes into these headers.
pub(crate) fn into_headers(map: MapType, run: impl FnOnce()) {
    HEADERS.set(Some(map));
    run();
    HEADERS.set(None);
}

pub(crate) fn log(line: &str) {
    let _logged = hostcalls::log(LogLevel::Warn, line);
}

/// Reports the output of an operation: in the log, or in a header for `tell`.
pub(crate) fn report(line: &str) -> Result<(), Status> {
    match HEADERS.get() {
        Some(map) => hostcalls::add_map_value(map, "x-told", line),
        None => hostcalls::log(LogLevel::Warn, line),
    }
}
