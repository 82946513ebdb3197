//! A running filter, as one worker thread of Envoy has it. Its configuration is in `vm/configure.rs`, its clock in `vm/clock.rs`.

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

/// A filter in a VM. The VM is the filter's own unless the filter starts with the [`Options::shared`] of another one. The
/// filter and its streams belong to one thread.
///
/// Every method that lets the filter run **panics if the filter misuses the host** (see [`Misuse`]), at the line of the test
/// that caused it. With [`Options::tolerate_misuse`] it only records the misuse.
pub struct Vm {
    pub(crate) machine: Rc<RefCell<Machine>>,
    filter: Filter,
    plugin: Plugin,
    /// The root context of the current configuration.
    root: Cell<Option<u32>>,
    /// Configurations that were tried, and whether the filter accepted them.
    canaries: RefCell<HashMap<Vec<u8>, bool>>,
}

/// Why a filter does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The instance cannot be created (for example, it requests too much memory).
    #[error("cannot instantiate the filter")]
    Instantiate(#[source] wasmtime::Error),
    /// `_initialize` crashed.
    #[error("the filter crashed in {}: {}", .0.callback, .0.message)]
    Crashed(Trap),
}

impl Filter {
    /// Starts the filter in a VM: one instance of the code, as in each worker thread of Envoy. Filters with the same
    /// [`Options::shared`] may share a VM.
    ///
    /// # Errors
    /// If the code crashes while it initialises.
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

    /// A new stream of the current configuration.
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

    /// Moves the clock. Ticks and call timeouts that become due happen in order, each at its time.
    #[track_caller]
    pub fn advance(&self, time: Duration) {
        let mut machine = self.machine.borrow_mut();
        machine.advance(time);
        machine.judge();
    }

    /// The time that the filter reads.
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.machine.borrow().host_ref().now
    }

    /// HTTP calls that wait for a response, the oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.machine.borrow().host_ref().calls.waiting.clone()
    }

    /// Answers an HTTP call.
    ///
    /// # Panics
    /// If no call with this token waits.
    #[track_caller]
    pub fn answer_call(&self, token: u32, response: Response) {
        self.end_call(token, Some(response));
    }

    /// Breaks an HTTP call in the middle of its response: the filter gets a response without headers. (If the connection fails or
    /// ends before the response, Envoy itself answers with 503 and a body.)
    ///
    /// # Panics
    /// If no call with this token waits.
    #[track_caller]
    pub fn break_call(&self, token: u32) {
        self.end_call(token, None);
    }

    #[track_caller]
    fn end_call(&self, token: u32, response: Option<Response>) {
        let mut machine = self.machine.borrow_mut();
        let Some(call) = machine.host().calls.take(token) else {
            panic!("no HTTP call with the token {token} awaits an answer");
        };
        machine.end_call(&call, response);
        machine.settle();
        machine.judge();
    }

    /// A counter's value; 0 if the filter has not defined this counter. Envoy shows it as `wasmcustom.NAME`.
    pub fn counter(&self, name: &str) -> u64 {
        self.machine.borrow().host_ref().metrics.read(COUNTER, name)
    }

    /// All counters, by name.
    pub fn counters(&self) -> Vec<(String, u64)> {
        self.machine.borrow().host_ref().metrics.all(COUNTER)
    }

    /// A gauge's value; 0 if the filter has not defined this gauge.
    pub fn gauge(&self, name: &str) -> u64 {
        self.machine.borrow().host_ref().metrics.read(GAUGE, name)
    }

    /// The values recorded in a histogram.
    pub fn histogram(&self, name: &str) -> Vec<u64> {
        self.machine.borrow().host_ref().metrics.records(name)
    }

    /// The lines that the filter logged, at most the last 10,000.
    pub fn logs(&self) -> Vec<Log> {
        let machine = self.machine.borrow();
        machine.host_ref().logs.iter().cloned().collect()
    }

    /// As [`Vm::logs`], and removes the lines.
    pub fn take_logs(&self) -> Vec<Log> {
        let mut machine = self.machine.borrow_mut();
        machine.host().logs.drain(..).collect()
    }

    /// Why the filter crashed, if it did. After a crash the VM is dead: see [`Options::fail_open`].
    pub fn trap(&self) -> Option<Trap> {
        self.machine.borrow().trap.clone()
    }

    /// The filter's misuses, where they are tolerated. Removes them from the record.
    pub fn take_misuses(&self) -> Vec<Misuse> {
        std::mem::take(&mut self.machine.borrow_mut().host().misuses)
    }

    /// The number of stream contexts in the filter, to check that none are left.
    pub fn streams(&self) -> usize {
        let machine = self.machine.borrow();
        let streams = machine.host_ref().streams.values();
        streams
            .filter(|stream| stream.created && !stream.deleted)
            .count()
    }

    /// Ends the plugin, as Envoy does when its listener is removed: `on_done` and `on_delete` of the root context, after the
    /// last stream has ended.
    #[track_caller]
    pub fn shut_down(self) {
        let mut machine = self.machine.borrow_mut();
        machine.end_root(self.root.take());
        machine.settle();
        machine.judge();
    }
}

impl Machine {
    /// A replaced configuration ends with its last stream.
    fn end_root(&mut self, old: Option<u32>) {
        let Some(old) = old else {
            return;
        };
        if let Some(old) = self.host().roots.get_mut(&old) {
            old.replaced = true;
        }
        self.end_root_if_unused(old);
    }

    /// Fails the test if the filter misused the host.
    #[track_caller]
    pub(crate) fn judge(&mut self) {
        if self.host().options.tolerant {
            return;
        }
        if let Some(misuse) = self.host().misuses.pop() {
            panic!("{misuse}");
        }
    }
}
