//! The functions of a filter that the host calls.

use wasmtime::{Instance, Store, TypedFunc, WasmParams, WasmResults};

use crate::host::Host;
use crate::misuse::Side;

pub(crate) type Callback<P, R> = Option<TypedFunc<P, R>>;

/// The functions that the filter exports and the host calls. As in Envoy, the host skips a function that the filter does not
/// export.
pub(crate) struct Callbacks {
    pub(crate) initialize: Callback<(), ()>,
    pub(crate) main: Callback<(u32, u32), u32>,
    pub(crate) start: Callback<(), ()>,
    pub(crate) context_create: Callback<(u32, u32), ()>,
    pub(crate) vm_start: Callback<(u32, u32), u32>,
    pub(crate) configure: Callback<(u32, u32), u32>,
    pub(crate) tick: Callback<u32, ()>,
    pub(crate) queue_ready: Callback<(u32, u32), ()>,
    pub(crate) http_call_response: Callback<(u32, u32, u32, u32, u32), ()>,
    pub(crate) headers: [Callback<(u32, u32, u32), u32>; 2],
    pub(crate) body: [Callback<(u32, u32, u32), u32>; 2],
    pub(crate) trailers: [Callback<(u32, u32), u32>; 2],
    pub(crate) done: Callback<u32, u32>,
    pub(crate) log: Callback<u32, ()>,
    pub(crate) delete: Callback<u32, ()>,
}

impl Callbacks {
    /// Looks up the functions by name.
    pub(crate) fn find(instance: &Instance, store: &mut Store<Host>) -> Self {
        macro_rules! get {
            ($name:literal) => {
                instance.get_typed_func(&mut *store, $name).ok()
            };
        }
        Self {
            initialize: get!("_initialize"),
            main: get!("main"),
            start: get!("_start"),
            context_create: get!("proxy_on_context_create"),
            vm_start: get!("proxy_on_vm_start"),
            configure: get!("proxy_on_configure"),
            tick: get!("proxy_on_tick"),
            queue_ready: get!("proxy_on_queue_ready"),
            http_call_response: get!("proxy_on_http_call_response"),
            headers: [
                get!("proxy_on_request_headers"),
                get!("proxy_on_response_headers"),
            ],
            body: [
                get!("proxy_on_request_body"),
                get!("proxy_on_response_body"),
            ],
            trailers: [
                get!("proxy_on_request_trailers"),
                get!("proxy_on_response_trailers"),
            ],
            done: get!("proxy_on_done"),
            log: get!("proxy_on_log"),
            delete: get!("proxy_on_delete"),
        }
    }
}

/// Selects the callback of one direction.
pub(crate) fn callback_for_side<P: WasmParams, R: WasmResults>(
    [request, response]: &[Callback<P, R>; 2],
    side: Side,
) -> Callback<P, R> {
    match side {
        Side::Request => request.clone(),
        Side::Response => response.clone(),
    }
}

pub(crate) fn name_for_side([request, response]: [&'static str; 2], side: Side) -> &'static str {
    match side {
        Side::Request => request,
        Side::Response => response,
    }
}
