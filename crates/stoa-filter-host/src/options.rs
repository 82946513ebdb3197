//! The options that a test sets before a filter starts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::property::{ForeignResult, Path, Properties, Value};
use crate::shared::Shared;

type Foreign = RefCell<Box<dyn FnMut(&[u8]) -> ForeignResult>>;

/// The options of a VM. By default, the clock shows 2026-01-01T00:00:00Z, streams that begin after a crash of the filter get 503,
/// every cluster name is known, and a misuse fails the test.
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
    pub(crate) tolerates_misuse: bool,
    pub(crate) forbids_hanging: bool,
    pub(crate) buffer_limit: usize,
    pub(crate) shared: Shared,
}

/// The settings that each plugin keeps for itself, even if several plugins share a VM.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plugin {
    pub(crate) fail_open: bool,
    pub(crate) allows_headers_stop_iteration: bool,
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
            tolerates_misuse: false,
            forbids_hanging: false,
            buffer_limit: 1024 * 1024, // Envoy's default of per_connection_buffer_limit_bytes
            shared: Shared::new(),
        }
    }
}

impl Options {
    /// The default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the clock's time at the start. Only [`Vm::advance`](crate::Vm::advance) moves the clock.
    #[must_use]
    pub fn clock(mut self, now: SystemTime) -> Self {
        self.now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        self
    }

    /// Sets the seed of the filter's random numbers. The same seed gives the same numbers.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets `vm_config.configuration`, which the filter reads in `on_vm_start`.
    #[must_use]
    pub fn vm_configuration(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.vm_configuration = bytes.into();
        self
    }

    /// Sets `vm_config.vm_id`, which is the default namespace of shared queues. Filters share a VM only if they have the same
    /// `vm_id`.
    #[must_use]
    pub fn vm_id(mut self, id: &str) -> Self {
        self.vm_id = id.into();
        self
    }

    /// Adds an environment variable that the filter can read.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets a property for all contexts, such as `xds.node.id`, `plugin_name` or `xds.listener_direction`. For a property of one
    /// stream, use [`Stream::set_property`](crate::Stream::set_property).
    ///
    /// # Panics
    /// If Envoy has the property only below `xds`. For example, `node.id` must be set as `xds.node.id`: in Envoy, a filter cannot
    /// read `node.id`.
    #[must_use]
    #[track_caller]
    pub fn property(mut self, path: impl Path, value: impl Into<Value>) -> Self {
        self.properties.set(&path, value.into());
        self
    }

    /// Adds a foreign function. The function must not use the VM that calls it.
    #[must_use]
    pub fn foreign(
        mut self,
        name: &str,
        function: impl FnMut(&[u8]) -> ForeignResult + 'static,
    ) -> Self {
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

    /// Sets the clusters that HTTP calls may name. A call to any other cluster is rejected.
    #[must_use]
    pub fn clusters<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Self {
        self.clusters = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the clusters that are known but have no endpoints. A call to such a cluster fails at once with `InternalFailure`,
    /// without a callback.
    #[must_use]
    pub fn empty_clusters<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Self {
        self.empty_clusters = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets `failure_policy: FAIL_OPEN`: streams that begin after a crash of the filter pass unchanged. By default, such streams
    /// get 503. A stream that was open during the crash gets 503 under every failure policy.
    #[must_use]
    pub fn fail_open(mut self) -> Self {
        self.plugin.fail_open = true;
        self
    }

    /// Sets `allow_on_headers_stop_iteration: true`: a pause at the headers holds back only the headers, and the filter still gets
    /// the body. By default, the body and the trailers wait outside the filter. Istio's WasmPlugin cannot set this option.
    #[must_use]
    pub fn allow_on_headers_stop_iteration(mut self) -> Self {
        self.plugin.allows_headers_stop_iteration = true;
        self
    }

    /// Records a [`Misuse`](crate::Misuse) instead of failing the test.
    #[must_use]
    pub fn tolerate_misuse(mut self) -> Self {
        self.tolerates_misuse = true;
        self
    }

    /// Records a misuse if a stream ends while the filter has paused it.
    #[must_use]
    pub fn forbid_hanging(mut self) -> Self {
        self.forbids_hanging = true;
        self
    }

    /// Sets the limit of a buffered body in bytes (`per_connection_buffer_limit_bytes`). A longer request body gets status 413, and
    /// a longer response body gets status 500.
    #[must_use]
    pub fn buffer_limit(mut self, bytes: usize) -> Self {
        self.buffer_limit = bytes;
        self
    }

    /// Sets the shared data and queues. All filters that start with the same `shared` share them, as the filters of one Envoy do.
    /// Filters that also have the same module, `vm_id` and `vm_configuration` run in one VM per thread, as in a worker of Envoy.
    /// Such filters share static variables and the log, and a crash of one of them ends all of them. The options of the first
    /// filter apply to their VM, but each filter keeps its own `fail_open` and `allow_on_headers_stop_iteration`.
    #[must_use]
    pub fn shared(mut self, shared: &Shared) -> Self {
        self.shared = shared.clone();
        self
    }
}
