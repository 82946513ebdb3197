//! One instance of a filter, and the calls into its code.

use std::time::Duration;

use wasmtime::{AsContextMut, InstancePre, Store, TypedFunc, WasmParams, WasmResults};

use crate::callbacks::{Callbacks, named, pick};
use crate::host::{Action, Host, Root, number};
use crate::misuse::Side;
use crate::options::{Options, Plugin};

/// The filter crashed, so its VM is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The cause, with the stack of the filter's functions.
    pub message: String,
    /// The filter's function that Envoy called.
    pub callback: &'static str,
}

pub(crate) struct Machine {
    pub(crate) store: Store<Host>,
    callbacks: Callbacks,
    pub(crate) trap: Option<Trap>,
}

impl Machine {
    /// Creates and initialises an instance.
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
            self.enter(0, "_initialize", &function, ());
            if let Some(main) = self.callbacks.main.clone() {
                self.enter(0, "main", &main, (0, 0));
            }
        } else if let Some(function) = self.callbacks.start.clone() {
            self.enter(0, "_start", &function, ());
        }
        self.host().restricted = false;
    }

    /// Calls into the code. `None` if the code crashes or crashed before.
    fn enter<P: WasmParams, R: WasmResults>(
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

    /// Creates a root context with its configuration. `Some(false)` if the filter rejects it, `None` if it crashes.
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
            let size = number(self.host_ref().options.vm_configuration.len());
            accepted &= self.enter(id, "proxy_on_vm_start", &function, (id, size))? != 0;
            self.after();
        }
        if accepted && let Some(function) = self.callbacks.configure.clone() {
            let arguments = (id, number(size));
            accepted &= self.enter(id, "proxy_on_configure", &function, arguments)? != 0;
            self.after();
        }
        self.trap.is_none().then_some(accepted)
    }

    pub(crate) fn create(&mut self, id: u32, parent: u32) {
        if let Some(function) = self.callbacks.context_create.clone() {
            self.enter(id, "proxy_on_context_create", &function, (id, parent));
            self.after();
        }
    }

    /// The three callbacks of a message. They return the filter's result, or `None` if it has no such callback or crashed.
    pub(crate) fn on_headers(
        &mut self,
        id: u32,
        side: Side,
        count: usize,
        end: bool,
    ) -> Option<u32> {
        let function = pick(&self.callbacks.headers, side)?;
        let name = ["proxy_on_request_headers", "proxy_on_response_headers"];
        let arguments = (id, number(count), u32::from(end));
        self.enter(id, named(name, side), &function, arguments)
    }

    pub(crate) fn on_body(&mut self, id: u32, side: Side, size: usize, end: bool) -> Option<u32> {
        let function = pick(&self.callbacks.body, side)?;
        let name = ["proxy_on_request_body", "proxy_on_response_body"];
        let arguments = (id, number(size), u32::from(end));
        self.enter(id, named(name, side), &function, arguments)
    }

    pub(crate) fn on_trailers(&mut self, id: u32, side: Side, count: usize) -> Option<u32> {
        let function = pick(&self.callbacks.trailers, side)?;
        let name = ["proxy_on_request_trailers", "proxy_on_response_trailers"];
        self.enter(id, named(name, side), &function, (id, number(count)))
    }

    pub(crate) fn on_tick(&mut self, id: u32) {
        if let Some(function) = self.callbacks.tick.clone() {
            self.enter(id, "proxy_on_tick", &function, id);
            self.after();
        }
    }

    pub(crate) fn on_queue_ready(&mut self, id: u32, token: u32) {
        if let Some(function) = self.callbacks.queue_ready.clone() {
            self.enter(id, "proxy_on_queue_ready", &function, (id, token));
            self.after();
        }
    }

    pub(crate) fn on_http_call_response(&mut self, id: u32, token: u32, sizes: [usize; 3]) {
        if let Some(function) = self.callbacks.http_call_response.clone() {
            let [headers, body, trailers] = sizes.map(number);
            let arguments = (id, token, headers, body, trailers);
            self.enter(id, "proxy_on_http_call_response", &function, arguments);
            self.after();
        }
    }

    /// Whether the context may be deleted.
    pub(crate) fn on_done(&mut self, id: u32) -> bool {
        let Some(function) = self.callbacks.done.clone() else {
            return true;
        };
        let done = self.enter(id, "proxy_on_done", &function, id);
        self.after();
        done.is_none_or(|done| done != 0)
    }

    pub(crate) fn on_log(&mut self, id: u32) {
        if let Some(function) = self.callbacks.log.clone() {
            self.enter(id, "proxy_on_log", &function, id);
            self.after();
        }
    }

    pub(crate) fn on_delete(&mut self, id: u32) {
        if let Some(function) = self.callbacks.delete.clone() {
            self.enter(id, "proxy_on_delete", &function, id);
            self.after();
        }
    }

    /// Runs the actions that the filter requested while its code ran.
    pub(crate) fn after(&mut self) {
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

    /// Ends a root context that is replaced and has no streams left.
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
