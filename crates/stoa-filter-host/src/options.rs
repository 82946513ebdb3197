//! What a test chooses before a filter starts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::property::{Answer, Path, Properties, Value};
use crate::shared::Shared;

type Foreign = RefCell<Box<dyn FnMut(&[u8]) -> Answer>>;

/// How a VM is set up. The default: a clock that stands at 2026-01-01T00:00:00Z, a failure closes, every cluster is
/// known, a misuse fails the test.
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

/// What each plugin has for itself, where several run in one VM.
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
            buffer_limit: 1024 * 1024, // Envoy's default of a connection
            shared: Shared::new(),
        }
    }
}

impl Options {
    /// The default.
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

    /// Where the filter's random numbers start: the same seed gives the same numbers.
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

    /// `vm_config.vm_id`: the default name space of shared queues, and part of what says whether two filters share a VM.
    #[must_use]
    pub fn vm_id(mut self, id: &str) -> Self {
        self.vm_id = id.into();
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A property that every context sees (`xds.node.id`, `plugin_name`, `xds.listener_direction`). Those of one stream are
    /// set by [`Stream::set_property`](crate::Stream::set_property).
    ///
    /// # Panics
    /// If Envoy answers no such property: a filter that reads `node.id` must not pass its test.
    #[must_use]
    #[track_caller]
    pub fn property(mut self, path: impl Path, value: impl Into<Value>) -> Self {
        self.properties.set(&path, value.into());
        self
    }

    /// A foreign function. It must not use the VM that calls it.
    #[must_use]
    pub fn foreign(mut self, name: &str, function: impl FnMut(&[u8]) -> Answer + 'static) -> Self {
        let function: Foreign = RefCell::new(Box::new(function));
        self.foreign.insert(name.into(), Rc::new(function));
        self
    }

    /// Takes the foreign function `clear_route_cache` away, which older Envoys do not have.
    #[must_use]
    pub fn without_clear_route_cache(mut self) -> Self {
        self.clear_route_cache = false;
        self
    }

    /// The only clusters that HTTP calls may name; a call to another is refused.
    #[must_use]
    pub fn clusters<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Self {
        self.clusters = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Clusters that are known and have no endpoint: a call to one fails at once with `InternalFailure`, and no callback
    /// follows.
    #[must_use]
    pub fn empty_clusters<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Self {
        self.empty_clusters = names.into_iter().map(Into::into).collect();
        self
    }

    /// `failure_policy: FAIL_OPEN`: streams that begin after a crash pass untouched. Otherwise they get 503, as in any case
    /// those do that the filter had begun when it crashed.
    #[must_use]
    pub fn fail_open(mut self) -> Self {
        self.plugin.fail_open = true;
        self
    }

    /// `allow_on_headers_stop_iteration: true`: a pause at the headers holds back the headers alone, and the filter goes on
    /// to see the body. Without it everything after the headers waits outside. Istio's WasmPlugin cannot set it.
    #[must_use]
    pub fn allow_on_headers_stop_iteration(mut self) -> Self {
        self.plugin.headers_stop_alone = true;
        self
    }

    /// A [`Misuse`](crate::Misuse) is only recorded and does not fail the test.
    #[must_use]
    pub fn tolerate_misuse(mut self) -> Self {
        self.tolerant = true;
        self
    }

    /// A stream that ends while its filter holds it is a misuse.
    #[must_use]
    pub fn forbid_hanging(mut self) -> Self {
        self.hanging = true;
        self
    }

    /// Most bytes of a body that is buffered (`per_connection_buffer_limit_bytes`). More: 413, or 500 for a response.
    #[must_use]
    pub fn buffer_limit(mut self, bytes: usize) -> Self {
        self.buffer_limit = bytes;
        self
    }

    /// Shared data and queues, common to several filters of one Envoy. Those among them with the same module, `vm_id` and
    /// `vm_configuration` run in one VM of each thread, as in each worker of Envoy: they share its statics and its log,
    /// and a crash of one ends all. What is an option of the VM is then that of the first; `fail_open` and
    /// `allow_on_headers_stop_iteration` are each filter's own.
    #[must_use]
    pub fn shared(mut self, shared: &Shared) -> Self {
        self.shared = shared.clone();
        self
    }
}
