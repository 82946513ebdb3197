//! The host's state of one instance. It is built for each request, and dropped at the end of the request.
use std::any::Any;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, StreamContext};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::grants::Grants;
use super::http::Sender;
use super::interfaces::{HasInterfaces, Interfaces};
use super::memory::MemoryMeter;
use crate::local_service::LocalService;
use crate::output::{GuestOutput, Output, Stream};

/// The state of one instance.
pub(crate) struct HostState {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    sender: Sender,
    grants: Arc<Grants>,
    pub(crate) memory: MemoryMeter,
    /// True once the guest has returned from its call without being cut off.
    pub(crate) returned: bool,
}

impl HostState {
    /// `depth` is the number of nested in-process calls that led to this instance. `memory_limit` is in bytes.
    pub(crate) fn new(
        grants: Arc<Grants>,
        local: Arc<dyn LocalService>,
        depth: u32,
        memory_limit: usize,
        sink: &Arc<dyn Output>,
    ) -> Self {
        let output =
            |stream| GuestOutput::new(Arc::clone(&grants.component), stream, Arc::clone(sink));
        let mut wasi = WasiCtx::builder();
        wasi.stdout(output(Stream::Stdout))
            .stderr(output(Stream::Stderr))
            .envs(&grants.environment)
            .allow_tcp(false)
            .allow_udp(false);
        Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            sender: Sender::new(Arc::clone(&grants.http), local, depth),
            grants,
            memory: MemoryMeter::new(memory_limit),
            returned: false,
        }
    }

    /// The component's id.
    pub(crate) fn component(&self) -> &str {
        &self.grants.component
    }

    pub(super) fn table(&self) -> &ResourceTable {
        &self.table
    }
}

impl Drop for HostState {
    /// If the guest failed, ends its unfinished bodies with an error: the body of its response, and the bodies of requests that it
    /// sends. An unfinished body is still in the table of resources. Without this function, wasmtime-wasi-http would end such a
    /// body as if it were complete.
    fn drop(&mut self) {
        if self.returned {
            return;
        }
        for entry in self.table.iter_mut() {
            let entry: &mut dyn Any = entry;
            if let Some(body) = entry.downcast_mut::<HostOutgoingBody>() {
                let (nothing, _) = HostOutgoingBody::new(StreamContext::Response, None, 1, 1);
                std::mem::replace(body, nothing).abort();
            }
        }
    }
}

impl HasInterfaces for HostState {
    fn interfaces(&mut self) -> (&Interfaces, &mut ResourceTable) {
        (&self.grants.interfaces, &mut self.table)
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for HostState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.sender,
        }
    }
}
