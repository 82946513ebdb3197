//! The state of the host. The host calls of the filter read and change this state.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use wasmtime::{Memory, TypedFunc};

use crate::call::Calls;
use crate::exchange::Exchange;
use crate::local_reply::LocalReply;
use crate::metrics::Metrics;
use crate::misuse::{Misuse, Side};
use crate::options::{Options, Plugin};

/// The maximum number of log lines that are kept. Older lines are dropped, so that a long run does not fill the memory.
const MAX_LOG_LINES: usize = 10_000;

/// A line that the filter logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The line's severity.
    pub level: Level,
    /// The line's text.
    pub message: String,
}

/// The severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names of the levels are clear")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl Level {
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            4 => Self::Error,
            5 => Self::Critical,
            _ => return None,
        })
    }
}

/// The root context of a configured plugin.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) plugin: Plugin,
    pub(crate) configuration: Vec<u8>,
    /// The number of streams that use the configuration of this root context.
    pub(crate) streams: usize,
    /// True if another configuration has replaced the configuration of this root context.
    pub(crate) replaced: bool,
    /// True if `on_done` returned false: the context then waits until the filter calls `proxy_done`.
    pub(crate) done_pending: bool,
    /// The tick period. Zero: no ticks.
    pub(crate) period: Duration,
    /// The time of the next tick. `None`: no tick is planned.
    pub(crate) due: Option<Duration>,
}

/// An action that the filter requested. The actions run in order after the filter's code has returned.
#[derive(Debug)]
pub(crate) enum Action {
    Continue(u32, Side),
    Close(u32),
    Reply(u32, LocalReply),
    Delete(u32),
}

/// The state of the host for one VM.
pub(crate) struct Host {
    pub(crate) options: Options,
    /// The number that identifies this VM among the VMs that share data.
    pub(crate) vm: u64,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    /// True while the filter initializes or allocates memory. During this time, only a few host calls are permitted.
    pub(crate) restricted: bool,
    /// The context whose callback runs.
    pub(crate) current: u32,
    /// The context that the filter selected with `set_effective_context`. 0: none.
    pub(crate) effective: u32,
    pub(crate) next_id: u32,
    pub(crate) roots: BTreeMap<u32, Root>,
    pub(crate) streams: HashMap<u32, Exchange>,
    /// The ids of the streams that have not ended yet.
    pub(crate) open: Vec<u32>,
    pub(crate) actions: VecDeque<Action>,
    /// True if the current callback sent a local reply. The message then stops, whatever the callback returns.
    pub(crate) stopped: bool,
    /// True while a root context starts (`on_vm_start`, `on_configure`). Only during this time can the filter read the plugin
    /// configuration.
    pub(crate) configuring: bool,
    pub(crate) now: Duration,
    pub(crate) random: u64,
    pub(crate) calls: Calls,
    pub(crate) metrics: Metrics,
    pub(crate) logs: VecDeque<Log>,
    pub(crate) misuses: Vec<Misuse>,
}

impl Host {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            vm: options.shared.add_vm(),
            memory: None,
            allocate: None,
            restricted: false,
            current: 0,
            effective: 0,
            next_id: 1,
            roots: BTreeMap::new(),
            streams: HashMap::new(),
            open: Vec::new(),
            actions: VecDeque::new(),
            stopped: false,
            configuring: false,
            now: options.now,
            random: options.seed,
            calls: Calls::default(),
            metrics: Metrics::default(),
            logs: VecDeque::new(),
            misuses: Vec::new(),
            options,
        }
    }

    pub(crate) fn new_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1).max(1);
        id
    }

    /// The id of the context to which the current host call applies.
    pub(crate) fn context(&self) -> u32 {
        match self.effective {
            0 => self.current,
            id if self.exists(id) => id,
            _ => self.current,
        }
    }

    pub(crate) fn exists(&self, id: u32) -> bool {
        id == 0
            || self.roots.contains_key(&id)
            || self.streams.get(&id).is_some_and(|stream| !stream.deleted)
    }

    /// The stream to which the current host call applies. `None`: the call applies to a context that is not a stream.
    pub(crate) fn stream(&mut self) -> Option<&mut Exchange> {
        let id = self.context();
        self.streams.get_mut(&id).filter(|stream| !stream.deleted)
    }

    /// The settings of the plugin that handles a stream.
    pub(crate) fn plugin(&self, stream: u32) -> Plugin {
        let root = self.streams.get(&stream).map(|stream| stream.root);
        let root = root.and_then(|root| self.roots.get(&root));
        root.map(|root| root.plugin).unwrap_or_default()
    }

    /// The id of the root context that belongs to the current host call. For a stream, this is the root context of its plugin.
    pub(crate) fn root(&self) -> u32 {
        let id = self.context();
        self.streams.get(&id).map_or(id, |stream| stream.root)
    }

    pub(crate) fn misuse(&mut self, misuse: Misuse) {
        self.misuses.push(misuse);
    }

    pub(crate) fn log(&mut self, level: Level, message: &[u8]) {
        if self.logs.len() == MAX_LOG_LINES {
            self.logs.pop_front();
        }
        let message = String::from_utf8_lossy(message).into_owned();
        self.logs.push_back(Log { level, message });
    }

    /// Swaps the log and the metric values of this VM with those of `other`. In Envoy, all VMs share these records.
    pub(crate) fn swap_records(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.logs, &mut other.logs);
        self.metrics.swap_values(&mut other.metrics);
    }

    /// The next number of a fixed sequence (splitmix64), so that tests are repeatable.
    pub(crate) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Converts a size to u32, the ABI's type for sizes. A size that does not fit into u32 is truncated, as in Envoy.
#[expect(
    clippy::cast_possible_truncation,
    reason = "Envoy truncates the size, too"
)]
pub(crate) fn abi_size(size: usize) -> u32 {
    size as u32
}
