//! Options that a test sets before a filter starts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::property::{Answer, Path, Properties, Value};
use crate::shared::Shared;

type Foreign = RefCell<Box<dyn FnMut(&[u8]) -> Answer>>;

/// The setup of a VM. By default the clock stands at 2026-01-01T00:00:00Z, a crash fails closed, every cluster is known, and
/// a misuse fails the test.
#[derive(Clone)]
pub struct Options {
    pub(crate) now: Duration,
    pub(crate) seed: u64,
    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) properties: Properties,
    pub(crate) vm_id: String,
    pub(crate) foreign: HashMap<String, Rc<Foreign>>,
    pub(crate) clear_route_cache: bool,
    pub(crate) clusters: Option<Vec<String>>,
    pub(crate) empty_clusters: Vec<String>,
    pub(crate) plugin: Plugin,
    pub(crate) tolerant: bool,
    pub(crate) hanging: bool,
    pub(crate) buffer_limit: usize,
    pub(crate) shared: Shared,
}

/// The settings of each plugin, where several run in one VM.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plugin {
    pub(crate) fail_open: bool,
    pub(crate) headers_stop_alone: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            now: Duration::from_secs(1_767_225_600),
            seed: 0,
            vm_configuration: Vec::new(),
            environment: Vec::new(),
            properties: Properties::default(),
            vm_id: String::new(),
            foreign: HashMap::new(),
            clear_route_cache: true,
            clusters: None,
            empty_clusters: Vec::new(),
            plugin: Plugin::default(),
            tolerant: false,
            hanging: false,
            buffer_limit: 1024 * 1024, // Envoy's default for a connection
            shared: Shared::new(),
        }
    }
}

impl Options {
    /// The default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time at the start. It moves only by [`Vm::advance`](crate::Vm::advance).
    #[must_use]
    pub fn clock(mut self, now: SystemTime) -> Self {
        self.now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        self
    }

    /// The seed of the filter's random numbers: the same seed gives the same numbers.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// `vm_config.configuration`, which `on_vm_start` reads.
    #[must_use]
    pub fn vm_configuration(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.vm_configuration = bytes.into();
        self
    }

    /// `vm_config.vm_id`: the default name space of shared queues, and part of the key by which filters share a VM.
    #[must_use]
    pub fn vm_id(mut self, id: &str) -> Self {
        self.vm_id = id.into();
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A property that every context sees (`xds.node.id`, `plugin_name`, `xds.listener_direction`). For a property of one stream
    /// use [`Stream::set_property`](crate::Stream::set_property).
    ///
    /// # Panics
    /// If Envoy does not have such a property: a filter that reads `node.id` must not pass its test.
    #[must_use]
    #[track_caller]
    pub fn property(mut self, path: impl Path, value: impl Into<Value>) -> Self {
        self.properties.set(&path, value.into());
        self
    }

    /// Adds a foreign function. It must not use the VM that calls it.
    #[must_use]
    pub fn foreign(mut self, name: &str, function: impl FnMut(&[u8]) -> Answer + 'static) -> Self {
        let function: Foreign = RefCell::new(Box::new(function));
        self.foreign.insert(name.into(), Rc::new(function));
        self
    }

    /// Removes the foreign function `clear_route_cache`, which older Envoys do not have.
    #[must_use]
    pub fn without_clear_route_cache(mut self) -> Self {
        self.clear_route_cache = false;
        self
    }

    /// The only clusters that HTTP calls may name; a call to another one is rejected.
    #[must_use]
    pub fn clusters<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Self {
        self.clusters = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Clusters that are known but have no endpoint: a call to one fails at once with `InternalFailure`, without a callback.
    #[must_use]
    pub fn empty_clusters<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Self {
        self.empty_clusters = names.into_iter().map(Into::into).collect();
        self
    }

    /// `failure_policy: FAIL_OPEN`: streams that begin after a crash pass unchanged. Otherwise they get 503. Streams that were
    /// already in the filter when it crashed get 503 in both cases.
    #[must_use]
    pub fn fail_open(mut self) -> Self {
        self.plugin.fail_open = true;
        self
    }

    /// `allow_on_headers_stop_iteration: true`: a pause at the headers holds back only the headers, and the filter still gets the
    /// body. Without it everything after the headers waits outside the filter. Istio's WasmPlugin cannot set it.
    #[must_use]
    pub fn allow_on_headers_stop_iteration(mut self) -> Self {
        self.plugin.headers_stop_alone = true;
        self
    }

    /// Only records a [`Misuse`](crate::Misuse), so that it does not fail the test.
    #[must_use]
    pub fn tolerate_misuse(mut self) -> Self {
        self.tolerant = true;
        self
    }

    /// Makes it a misuse if a stream ends while its filter holds it.
    #[must_use]
    pub fn forbid_hanging(mut self) -> Self {
        self.hanging = true;
        self
    }

    /// Most bytes of a buffered body (`per_connection_buffer_limit_bytes`). A longer body gets 413, or 500 for a response.
    #[must_use]
    pub fn buffer_limit(mut self, bytes: usize) -> Self {
        self.buffer_limit = bytes;
        self
    }

    /// Shared data and queues, common to several filters of one Envoy. Filters with the same module, `vm_id` and
    /// `vm_configuration` run in one VM per thread, as in each worker of Envoy: they share its statics and its log, and a crash
    /// of one ends all. The VM's options are then those of the first filter; `fail_open` and `allow_on_headers_stop_iteration`
    /// stay separate for each filter.
    #[must_use]
    pub fn shared(mut self, shared: &Shared) -> Self {
        self.shared = shared.clone();
        self
    }
}
