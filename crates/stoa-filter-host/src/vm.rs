//! A running filter, as one worker thread of Envoy has it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
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

/// What `get_status` says of a call that broke.
const BROKEN: u32 = 11;

/// A filter in a VM, which is its own unless it is started with the [`Options::shared`] of another. It and its streams
/// belong to one thread.
///
/// Every method that lets the filter run **panics if the filter misuses the host** (see [`Misuse`]), at the test's line
/// that brought it about; [`Options::tolerate_misuse`] makes it record them only.
pub struct Vm {
    pub(crate) machine: Rc<RefCell<Machine>>,
    filter: Filter,
    plugin: Plugin,
    /// The root context of the present configuration.
    root: Cell<Option<u32>>,
    /// Configurations that were tried, and whether they passed.
    canaries: RefCell<HashMap<Vec<u8>, bool>>,
}

/// What filters of one worker have in common if they share a VM.
#[derive(Clone, PartialEq, Eq)]
struct VmKey {
    shared: usize,
    code: u64,
    vm_id: String,
    vm_configuration: Vec<u8>,
}

thread_local! {
    /// The VMs of this thread, which stands for a worker of Envoy.
    static VMS: RefCell<Vec<(VmKey, Weak<RefCell<Machine>>)>> = const { RefCell::new(Vec::new()) };
}

/// The VM that runs already, unless it has crashed.
fn running(key: &VmKey) -> Option<Rc<RefCell<Machine>>> {
    VMS.with_borrow_mut(|vms| {
        vms.retain(|(_, machine)| machine.strong_count() > 0);
        let mut same = vms.iter().filter(|(other, _)| other == key);
        same.find_map(|(_, machine)| {
            let machine = machine.upgrade()?;
            let crashed = machine.borrow().trap.is_some();
            (!crashed).then_some(machine)
        })
    })
}

/// Why a filter does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No instance can be made (too much memory asked for, for instance).
    #[error("cannot instantiate the filter")]
    Instantiate(#[source] wasmtime::Error),
    /// `_initialize` crashed.
    #[error("the filter crashed in {}: {}", .0.callback, .0.message)]
    Crashed(Trap),
}

/// Why a configuration is not taken. The one before it stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// `on_vm_start` or `on_configure` said no.
    #[error("the filter refused its configuration{}", lines(.logs))]
    Refused {
        /// What it logged meanwhile.
        logs: Vec<Log>,
    },
    /// It crashed.
    #[error("the filter crashed in {}: {}{}", .trap.callback, .trap.message, lines(.logs))]
    Crashed {
        /// Where and why.
        trap: Trap,
        /// What it logged meanwhile.
        logs: Vec<Log>,
    },
    /// No second instance can be made to try the configuration.
    #[error("cannot instantiate the filter")]
    Instantiate(#[source] wasmtime::Error),
}

fn lines(logs: &[Log]) -> String {
    logs.iter()
        .map(|log| format!("\n  {}", log.message))
        .collect()
}

impl Vm {
    pub(crate) fn start(filter: &Filter, options: Options) -> Result<Self, StartError> {
        let key = VmKey {
            shared: options.shared.id(),
            code: filter.hash,
            vm_id: options.vm_id.clone(),
            vm_configuration: options.vm_configuration.clone(),
        };
        let plugin = options.plugin;
        let machine = match running(&key) {
            Some(machine) => machine,
            None => {
                let machine = Machine::new(filter, options).map_err(StartError::Instantiate)?;
                if let Some(trap) = machine.trap {
                    return Err(StartError::Crashed(trap));
                }
                let machine = Rc::new(RefCell::new(machine));
                VMS.with_borrow_mut(|vms| vms.push((key, Rc::downgrade(&machine))));
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

    /// Hands over a plugin configuration. As in Envoy it is tried first on a VM of its own, the canary, and then given to
    /// one of the main thread as well as to this one; the log and the metrics of all three stay. Then it gets a root
    /// context, and the one before it ends with its last stream. The configuration that is already there changes nothing,
    /// and one that was tried before is not tried again.
    ///
    /// # Errors
    /// If the filter refuses it or crashes, with what it logged in the canary.
    #[track_caller]
    pub fn configure(&self, configuration: impl AsRef<[u8]>) -> Result<(), ConfigureError> {
        let configuration = configuration.as_ref();
        let mut machine = self.machine.borrow_mut();
        if machine.trap.is_none() && machine.is_configured(self.root.get(), configuration) {
            return Ok(());
        }
        self.canary(&mut machine, configuration)?;
        self.try_elsewhere(&mut machine, configuration)?; // on the main thread
        if let Some(trap) = machine.trap.clone() {
            let logs = Vec::new();
            return Err(ConfigureError::Crashed { trap, logs });
        }
        let root = machine.take_configuration(self.plugin, configuration)?;
        let old = self.root.replace(Some(root));
        machine.end_root(old);
        machine.settle();
        machine.judge();
        Ok(())
    }

    fn canary(&self, machine: &mut Machine, configuration: &[u8]) -> Result<(), ConfigureError> {
        let known = self.canaries.borrow().get(configuration).copied();
        if let Some(passed) = known {
            let refused = ConfigureError::Refused { logs: Vec::new() };
            return passed.then_some(()).ok_or(refused);
        }
        let tried = self.try_elsewhere(machine, configuration);
        let mut canaries = self.canaries.borrow_mut();
        canaries.insert(configuration.to_vec(), tried.is_ok());
        tried
    }

    /// On an instance of its own, which leaves its log and its metrics here. A crash there is none here.
    fn try_elsewhere(
        &self,
        machine: &mut Machine,
        configuration: &[u8],
    ) -> Result<(), ConfigureError> {
        let mut options = machine.host().options.clone();
        options.now = machine.host().now;
        let trial = Machine::new(&self.filter, options);
        let mut trial = trial.map_err(ConfigureError::Instantiate)?;
        machine.host().swap_records(trial.host());
        let taken = trial.take_configuration(self.plugin, configuration);
        machine.host().swap_records(trial.host());
        taken.map(drop)
    }

    /// A new stream, of the present configuration.
    ///
    /// # Panics
    /// If there is none yet.
    #[track_caller]
    pub fn stream(&self) -> Stream {
        let mut machine = self.machine.borrow_mut();
        let root = self.root.get();
        let Some(id) = root.and_then(|root| machine.new_stream(root)) else {
            panic!("the filter has no configuration: call Vm::configure first");
        };
        Stream::new(Rc::clone(&self.machine), id)
    }

    /// Moves the clock. What falls due meanwhile, ticks and timeouts of calls, happens in its order and at its time.
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

    /// HTTP calls that await an answer, the oldest first.
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

    /// Breaks an HTTP call off amid its answer: the filter sees one without headers. (A connection that cannot be made,
    /// or ends before the answer, is answered by Envoy itself with 503 and a body.)
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

    /// A counter's value; 0 if the filter defined none of that name. Envoy shows it as `wasmcustom.NAME`.
    pub fn counter(&self, name: &str) -> u64 {
        self.machine.borrow().host_ref().metrics.read(COUNTER, name)
    }

    /// All counters, by name.
    pub fn counters(&self) -> Vec<(String, u64)> {
        self.machine.borrow().host_ref().metrics.all(COUNTER)
    }

    /// A gauge's value; 0 if the filter defined none of that name.
    pub fn gauge(&self, name: &str) -> u64 {
        self.machine.borrow().host_ref().metrics.read(GAUGE, name)
    }

    /// What was recorded in a histogram.
    pub fn histogram(&self, name: &str) -> Vec<u64> {
        self.machine.borrow().host_ref().metrics.records(name)
    }

    /// What the filter logged, the last 10,000 lines.
    pub fn logs(&self) -> Vec<Log> {
        let machine = self.machine.borrow();
        machine.host_ref().logs.iter().cloned().collect()
    }

    /// As [`Vm::logs`], and forgets them.
    pub fn take_logs(&self) -> Vec<Log> {
        let mut machine = self.machine.borrow_mut();
        machine.host().logs.drain(..).collect()
    }

    /// Why the filter crashed, if it did. The VM is dead from then on: see [`Options::fail_open`].
    pub fn trap(&self) -> Option<Trap> {
        self.machine.borrow().trap.clone()
    }

    /// What the filter misused, where that is tolerated, and forgets it.
    pub fn take_misuses(&self) -> Vec<Misuse> {
        std::mem::take(&mut self.machine.borrow_mut().host().misuses)
    }

    /// How many contexts of streams the filter keeps: to see that none are left behind.
    pub fn streams(&self) -> usize {
        let machine = self.machine.borrow();
        let streams = machine.host_ref().streams.values();
        streams
            .filter(|stream| stream.created && !stream.deleted)
            .count()
    }

    /// Ends the plugin, as Envoy does when its listener goes: `on_done` and `on_delete` of the root context, once the
    /// last stream is over.
    #[track_caller]
    pub fn shut_down(self) {
        let mut machine = self.machine.borrow_mut();
        machine.end_root(self.root.take());
        machine.settle();
        machine.judge();
    }
}

impl Machine {
    fn is_configured(&self, root: Option<u32>, configuration: &[u8]) -> bool {
        let root = root.and_then(|id| self.host_ref().roots.get(&id));
        root.is_some_and(|root| root.configuration == configuration)
    }

    /// The new root context.
    fn take_configuration(
        &mut self,
        plugin: Plugin,
        configuration: &[u8],
    ) -> Result<u32, ConfigureError> {
        let before = self.host().logs.len();
        let (id, accepted) = self.add_root(plugin, configuration);
        let logs = || self.host_ref().logs.iter().skip(before).cloned().collect();
        if accepted == Some(true) {
            return Ok(id);
        }
        Err(match self.trap.clone() {
            Some(trap) => ConfigureError::Crashed { trap, logs: logs() },
            None => ConfigureError::Refused { logs: logs() },
        })
    }

    /// A configuration that another has replaced ends with its last stream.
    fn end_root(&mut self, old: Option<u32>) {
        let Some(old) = old else {
            return;
        };
        if let Some(old) = self.host().roots.get_mut(&old) {
            old.replaced = true;
        }
        self.end_root_if_unused(old);
    }

    fn advance(&mut self, time: Duration) {
        let end = self.host().now.saturating_add(time);
        self.settle();
        while let Some((due, event)) = self.next_event().filter(|(due, _)| *due <= end) {
            self.host().now = due;
            match event {
                Event::Tick(id) => {
                    self.on_tick(id);
                    let now = self.host().now;
                    if let Some(root) = self.host().roots.get_mut(&id) {
                        root.due = (!root.period.is_zero()).then_some(now + root.period);
                    }
                }
                Event::Timeout(token) => {
                    if let Some(call) = self.host().calls.take(token) {
                        let late = Response::new(504).body("upstream request timeout");
                        self.end_call(&call, Some(late.header("content-type", "text/plain")));
                    }
                }
            }
            self.settle();
        }
        self.host().now = end;
    }

    fn next_event(&self) -> Option<(Duration, Event)> {
        let host = self.host_ref();
        let ticks = host.roots.iter();
        let ticks = ticks.filter_map(|(id, root)| Some((root.due?, Event::Tick(*id))));
        let calls = host.calls.waiting.iter();
        let timeouts = calls.filter_map(|call| Some((call.due?, Event::Timeout(call.token))));
        ticks.chain(timeouts).min_by_key(|(due, _)| *due)
    }

    fn end_call(&mut self, call: &Call, response: Option<Response>) {
        let sizes = response.as_ref().map_or([0; 3], |response| {
            let Response {
                headers,
                body,
                trailers,
            } = response;
            [headers.len(), body.len(), trailers.len()]
        });
        let calls = &mut self.host().calls;
        if response.is_none() {
            calls.status = (BROKEN, "reset");
        }
        calls.response = response;
        self.on_http_call_response(call.root, call.token, sizes);
        let calls = &mut self.host().calls;
        calls.response = None;
        calls.status.1 = "";
    }

    /// What Envoy does between two events: queues that have something, and the end of streams that are over.
    pub(crate) fn settle(&mut self) {
        self.end_streams();
        while let Some((context, token)) = self.next_item() {
            if self.host().exists(context) {
                self.on_queue_ready(context, token);
            }
            self.end_streams();
        }
    }

    fn next_item(&mut self) -> Option<(u32, u32)> {
        let host = self.host();
        host.options.shared.due(host.vm)
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

enum Event {
    Tick(u32),
    Timeout(u32),
}
