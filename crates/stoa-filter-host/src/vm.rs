//! A running filter in one VM, as in a worker thread of Envoy. `vm/configure.rs` applies a configuration, and `vm/clock.rs` moves
//! the clock.

mod clock;
pub(crate) mod configure;
mod worker;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::call::Call;
use crate::filter::Filter;
use crate::host::Log;
use crate::machine::{Machine, Trap};
use crate::message::Response;
use crate::metrics::{COUNTER, GAUGE};
use crate::misuse::Misuse;
use crate::options::{Options, Plugin};
use crate::stream::Stream;

use worker::VmKey;

/// A running filter in a VM. Each filter has its own VM, unless several filters start with the same [`Options::shared`]. A filter
/// and its streams belong to one thread.
///
/// Every method that runs the filter's code **panics if the filter misuses the host** (see [`Misuse`]). The panic reports the line
/// of the test that called the method. With [`Options::tolerate_misuse`], the method only records the misuse.
pub struct Vm {
    pub(crate) machine: Rc<RefCell<Machine>>,
    filter: Filter,
    plugin: Plugin,
    /// The id of the root context with the current configuration. `None`: no configuration was applied yet.
    root: Cell<Option<u32>>,
    /// The configurations that the canary VM tried, and whether the filter accepted each configuration. The canary VM is the
    /// separate VM on which a configuration is tried first.
    canaries: RefCell<HashMap<Vec<u8>, bool>>,
}

/// The reason why a filter does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// wasmtime cannot create the filter's instance, for example because the filter requests too much memory.
    #[error("cannot create an instance of the filter")]
    Instantiate(#[source] wasmtime::Error),
    /// The filter's code crashed during its initialization.
    #[error("the filter crashed in {}: {}", .0.callback, .0.message)]
    Crashed(Trap),
}

impl Filter {
    /// Starts the filter in a VM: one instance of the code, as in each worker thread of Envoy. Filters with the same
    /// [`Options::shared`] may share a VM.
    ///
    /// # Errors
    /// If the instance cannot be created, or if the filter's code crashes during its initialization.
    pub fn start(&self, options: Options) -> Result<Vm, StartError> {
        Vm::start(self, options)
    }
}

impl Vm {
    fn start(filter: &Filter, options: Options) -> Result<Self, StartError> {
        let key = VmKey {
            shared: options.shared.id(),
            code: filter.hash,
            vm_id: options.vm_id.clone(),
            vm_configuration: options.vm_configuration.clone(),
        };
        let plugin = options.plugin;
        let machine = match worker::running(&key) {
            Some(machine) => machine,
            None => {
                let machine =
                    Machine::new(&filter.code, options).map_err(StartError::Instantiate)?;
                if let Some(trap) = machine.trap {
                    return Err(StartError::Crashed(trap));
                }
                let machine = Rc::new(RefCell::new(machine));
                worker::register(key, &machine);
                machine
            }
        };
        Ok(Self {
            machine,
            filter: filter.clone(),
            plugin,
            root: Cell::new(None),
            canaries: RefCell::default(),
        })
    }

    /// Creates a stream that uses the current configuration.
    ///
    /// # Panics
    /// If there is no configuration yet.
    #[track_caller]
    pub fn stream(&self) -> Stream {
        let mut machine = self.machine.borrow_mut();
        let root = self.root.get();
        let Some(id) = root.and_then(|root| machine.new_stream(root)) else {
            panic!("the filter has no configuration: call Vm::configure first");
        };
        Stream::new(Rc::clone(&self.machine), id)
    }

    /// Moves the clock forward by `time`. Ticks and call timeouts that become due meanwhile run in order, each at its own time.
    #[track_caller]
    pub fn advance(&self, time: Duration) {
        let mut machine = self.machine.borrow_mut();
        machine.advance(time);
        machine.fail_on_misuse();
    }

    /// The time of the clock, which the filter reads.
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.machine.borrow().host_ref().now
    }

    /// The filter's HTTP calls that wait for a response, the oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.machine.borrow().host_ref().calls.waiting.clone()
    }

    /// Answers the HTTP call with this token, which the filter made: passes `response` to the filter.
    ///
    /// # Panics
    /// If no call with this token waits for a response.
    #[track_caller]
    pub fn answer_call(&self, token: u32, response: Response) {
        self.end_call(token, Some(response));
    }

    /// Breaks an HTTP call that the filter made, in the middle of the call's response: the filter gets a response without headers.
    /// (If the connection fails or ends before the response, Envoy itself passes a response with status 503 and a body to the
    /// filter.)
    ///
    /// # Panics
    /// If no call with this token waits for a response.
    #[track_caller]
    pub fn break_call(&self, token: u32) {
        self.end_call(token, None);
    }

    #[track_caller]
    fn end_call(&self, token: u32, response: Option<Response>) {
        let mut machine = self.machine.borrow_mut();
        let Some(call) = machine.host().calls.take(token) else {
            panic!("no HTTP call with the token {token} waits for a response");
        };
        machine.end_call(&call, response);
        machine.process_pending_events();
        machine.fail_on_misuse();
    }

    /// The value of a counter, or 0 if the filter has not defined it. In Envoy the counter's name is `wasmcustom.NAME`.
    pub fn counter(&self, name: &str) -> u64 {
        self.machine.borrow().host_ref().metrics.read(COUNTER, name)
    }

    /// The names and values of all counters, in order of the names.
    pub fn counters(&self) -> Vec<(String, u64)> {
        self.machine.borrow().host_ref().metrics.all(COUNTER)
    }

    /// The value of a gauge, or 0 if the filter has not defined it.
    pub fn gauge(&self, name: &str) -> u64 {
        self.machine.borrow().host_ref().metrics.read(GAUGE, name)
    }

    /// The values that the filter recorded in a histogram.
    pub fn histogram(&self, name: &str) -> Vec<u64> {
        self.machine.borrow().host_ref().metrics.records(name)
    }

    /// The lines that the filter logged, at most the last 10,000.
    pub fn logs(&self) -> Vec<Log> {
        let machine = self.machine.borrow();
        machine.host_ref().logs.iter().cloned().collect()
    }

    /// Returns the lines that [`Vm::logs`] returns, and removes these lines from the log.
    pub fn take_logs(&self) -> Vec<Log> {
        let mut machine = self.machine.borrow_mut();
        machine.host().logs.drain(..).collect()
    }

    /// The cause of the filter's crash. `None`: the filter has not crashed. After a crash, the VM cannot run again.
    /// [`Options::fail_open`] describes what happens to streams then.
    pub fn trap(&self) -> Option<Trap> {
        self.machine.borrow().trap.clone()
    }

    /// Returns the misuses that were recorded because of [`Options::tolerate_misuse`], and removes them.
    pub fn take_misuses(&self) -> Vec<Misuse> {
        std::mem::take(&mut self.machine.borrow_mut().host().misuses)
    }

    /// The number of stream contexts that exist in the filter. With this number, a test can check that no context is left.
    pub fn streams(&self) -> usize {
        let machine = self.machine.borrow();
        let streams = machine.host_ref().streams.values();
        streams
            .filter(|stream| stream.created && !stream.deleted)
            .count()
    }

    /// Ends the plugin, as Envoy does when it removes the listener: calls `on_done` and `on_delete` of the root context after the
    /// last stream has ended.
    #[track_caller]
    pub fn shut_down(self) {
        let mut machine = self.machine.borrow_mut();
        machine.end_root(self.root.take());
        machine.process_pending_events();
        machine.fail_on_misuse();
    }
}

impl Machine {
    /// Marks the root context of a configuration as replaced. The context ends with its last stream.
    fn end_root(&mut self, id: Option<u32>) {
        let Some(id) = id else {
            return;
        };
        if let Some(root) = self.host().roots.get_mut(&id) {
            root.replaced = true;
        }
        self.end_root_if_unused(id);
    }

    /// Panics if the filter misused the host, unless the options tolerate misuse.
    #[track_caller]
    pub(crate) fn fail_on_misuse(&mut self) {
        if self.host().options.tolerates_misuse {
            return;
        }
        if let Some(misuse) = self.host().misuses.pop() {
            panic!("{misuse}");
        }
    }
}
