//! One instance of a filter, and the calls into the filter's code.

use std::time::Duration;

use wasmtime::{AsContextMut, InstancePre, Store, TypedFunc, WasmParams, WasmResults};

use crate::callbacks::{Callbacks, callback_for_side, name_for_side};
use crate::host::{Action, Host, Root, abi_size};
use crate::misuse::Side;
use crate::options::{Options, Plugin};

/// The crash of a filter. The filter's VM cannot run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The cause, with a backtrace of the filter's functions.
    pub message: String,
    /// The filter's callback that crashed, such as `proxy_on_request_headers`.
    pub callback: &'static str,
}

/// An instance of a filter with its host.
pub(crate) struct Machine {
    pub(crate) store: Store<Host>,
    callbacks: Callbacks,
    pub(crate) trap: Option<Trap>,
}

impl Machine {
    /// Creates and initializes an instance of the filter.
    pub(crate) fn new(code: &InstancePre<Host>, options: Options) -> Result<Self, wasmtime::Error> {
        let mut store = Store::new(code.module().engine(), Host::new(options));
        let instance = code.instantiate(&mut store)?;
        let memory = instance.get_memory(&mut store, "memory");
        let allocate = [("malloc"), ("proxy_on_memory_allocate")]
            .into_iter()
            .find_map(|name| instance.get_typed_func(&mut store, name).ok());
        let callbacks = Callbacks::find(&instance, &mut store);
        let host = store.data_mut();
        host.memory = memory;
        host.allocate = allocate;
        let mut machine = Self {
            store,
            callbacks,
            trap: None,
        };
        machine.initialize();
        Ok(machine)
    }

    pub(crate) fn host(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    pub(crate) fn host_ref(&self) -> &Host {
        self.store.data()
    }

    fn initialize(&mut self) {
        self.host().restricted = true;
        if let Some(function) = self.callbacks.initialize.clone() {
            self.call_filter(0, "_initialize", &function, ());
            if let Some(main) = self.callbacks.main.clone() {
                self.call_filter(0, "main", &main, (0, 0));
            }
        } else if let Some(function) = self.callbacks.start.clone() {
            self.call_filter(0, "_start", &function, ());
        }
        self.host().restricted = false;
    }

    /// Calls a function of the filter in a context. Returns `None` if the filter crashes in this call or has crashed before.
    fn call_filter<P: WasmParams, R: WasmResults>(
        &mut self,
        context: u32,
        callback: &'static str,
        function: &TypedFunc<P, R>,
        arguments: P,
    ) -> Option<R> {
        if self.trap.is_some() {
            return None;
        }
        let host = self.store.data_mut();
        let outer = (host.current, host.effective);
        (host.current, host.effective) = (context, 0);
        let result = function.call(self.store.as_context_mut(), arguments);
        let host = self.store.data_mut();
        (host.current, host.effective) = outer;
        result
            .map_err(|error| {
                self.trap = Some(Trap {
                    message: format!("{error:?}"),
                    callback,
                });
            })
            .ok()
    }

    /// Creates a root context with a configuration. Returns the context's id, and whether the filter accepted the configuration:
    /// `Some(false)` if the filter rejected it, and `None` if the filter crashed.
    pub(crate) fn add_root(&mut self, plugin: Plugin, configuration: &[u8]) -> (u32, Option<bool>) {
        let host = self.host();
        let id = host.new_id();
        let root = Root {
            plugin,
            configuration: configuration.to_vec(),
            streams: 0,
            replaced: false,
            done_pending: false,
            period: Duration::ZERO,
            due: None,
        };
        host.roots.insert(id, root);
        host.configuring = true;
        let accepted = self.start_root(id, configuration.len());
        self.host().configuring = false;
        (id, accepted)
    }

    fn start_root(&mut self, id: u32, size: usize) -> Option<bool> {
        self.create(id, 0);
        let mut accepted = true;
        if let Some(function) = self.callbacks.vm_start.clone() {
            let size = abi_size(self.host_ref().options.vm_configuration.len());
            accepted &= self.call_filter(id, "proxy_on_vm_start", &function, (id, size))? != 0;
            self.run_requested_actions();
        }
        if accepted && let Some(function) = self.callbacks.configure.clone() {
            let arguments = (id, abi_size(size));
            accepted &= self.call_filter(id, "proxy_on_configure", &function, arguments)? != 0;
            self.run_requested_actions();
        }
        self.trap.is_none().then_some(accepted)
    }

    pub(crate) fn create(&mut self, id: u32, parent: u32) {
        if let Some(function) = self.callbacks.context_create.clone() {
            self.call_filter(id, "proxy_on_context_create", &function, (id, parent));
            self.run_requested_actions();
        }
    }

    /// Calls the filter's callback for headers. Returns the callback's result. `None`: the callback does not exist, or the filter
    /// crashed.
    pub(crate) fn on_headers(
        &mut self,
        id: u32,
        side: Side,
        count: usize,
        end: bool,
    ) -> Option<u32> {
        let function = callback_for_side(&self.callbacks.headers, side)?;
        let name = ["proxy_on_request_headers", "proxy_on_response_headers"];
        let arguments = (id, abi_size(count), u32::from(end));
        self.call_filter(id, name_for_side(name, side), &function, arguments)
    }

    pub(crate) fn on_body(&mut self, id: u32, side: Side, size: usize, end: bool) -> Option<u32> {
        let function = callback_for_side(&self.callbacks.body, side)?;
        let name = ["proxy_on_request_body", "proxy_on_response_body"];
        let arguments = (id, abi_size(size), u32::from(end));
        self.call_filter(id, name_for_side(name, side), &function, arguments)
    }

    pub(crate) fn on_trailers(&mut self, id: u32, side: Side, count: usize) -> Option<u32> {
        let function = callback_for_side(&self.callbacks.trailers, side)?;
        let name = ["proxy_on_request_trailers", "proxy_on_response_trailers"];
        self.call_filter(
            id,
            name_for_side(name, side),
            &function,
            (id, abi_size(count)),
        )
    }

    pub(crate) fn on_tick(&mut self, id: u32) {
        if let Some(function) = self.callbacks.tick.clone() {
            self.call_filter(id, "proxy_on_tick", &function, id);
            self.run_requested_actions();
        }
    }

    pub(crate) fn on_queue_ready(&mut self, id: u32, token: u32) {
        if let Some(function) = self.callbacks.queue_ready.clone() {
            self.call_filter(id, "proxy_on_queue_ready", &function, (id, token));
            self.run_requested_actions();
        }
    }

    pub(crate) fn on_http_call_response(&mut self, id: u32, token: u32, sizes: [usize; 3]) {
        if let Some(function) = self.callbacks.http_call_response.clone() {
            let [headers, body, trailers] = sizes.map(abi_size);
            let arguments = (id, token, headers, body, trailers);
            self.call_filter(id, "proxy_on_http_call_response", &function, arguments);
            self.run_requested_actions();
        }
    }

    /// Calls `on_done`. Returns whether the context may be deleted now.
    pub(crate) fn on_done(&mut self, id: u32) -> bool {
        let Some(function) = self.callbacks.done.clone() else {
            return true;
        };
        let done = self.call_filter(id, "proxy_on_done", &function, id);
        self.run_requested_actions();
        done.is_none_or(|done| done != 0)
    }

    pub(crate) fn on_log(&mut self, id: u32) {
        if let Some(function) = self.callbacks.log.clone() {
            self.call_filter(id, "proxy_on_log", &function, id);
            self.run_requested_actions();
        }
    }

    pub(crate) fn on_delete(&mut self, id: u32) {
        if let Some(function) = self.callbacks.delete.clone() {
            self.call_filter(id, "proxy_on_delete", &function, id);
            self.run_requested_actions();
        }
    }

    /// Runs the actions that the filter requested during the last callback.
    pub(crate) fn run_requested_actions(&mut self) {
        self.host().stopped = false;
        while let Some(action) = self.host().actions.pop_front() {
            match action {
                Action::Continue(id, side) => self.resume(id, side),
                Action::Close(id) => self.reset(id),
                Action::Reply(id, reply) => self.reply(id, reply, true),
                Action::Delete(id) => self.delete_root(id),
            }
        }
    }

    /// Ends a root context if a newer configuration has replaced it and all its streams have ended.
    pub(crate) fn end_root_if_unused(&mut self, id: u32) {
        let Some(root) = self.host().roots.get_mut(&id) else {
            return;
        };
        if !root.replaced || root.streams > 0 || root.done_pending {
            return;
        }
        root.done_pending = true;
        if self.on_done(id) {
            self.delete_root(id);
        }
    }

    fn delete_root(&mut self, id: u32) {
        self.on_delete(id);
        self.host().roots.remove(&id);
    }
}
