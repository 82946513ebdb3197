//! The host calls that a filter makes, with one file for each area. The results are the same as in proxy-wasm-cpp-host and Envoy's
//! Wasm context.

mod buffers;
mod headers;
mod host_call;
mod memory;
mod outbound;
mod properties;
mod shared;
mod stream;
mod system;
mod wasi;

use wasmtime::Linker;

use crate::host::Host;

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
