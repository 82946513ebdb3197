//! The host's state, as the filter's calls see it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use wasmtime::{Memory, TypedFunc};

use crate::call::Calls;
use crate::exchange::Exchange;
use crate::local_reply::LocalReply;
use crate::metrics::Metrics;
use crate::misuse::{Misuse, Side};
use crate::options::{Options, Plugin};

/// Log lines kept. Older ones are dropped, so that a long run does not fill the memory.
const LINES: usize = 10_000;

/// A line that the filter logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its severity.
    pub level: Level,
    /// Its text.
    pub message: String,
}

/// The severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they say it themselves")]
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

/// A configured plugin: a root context.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) plugin: Plugin,
    pub(crate) configuration: Vec<u8>,
    /// The number of streams that use it.
    pub(crate) streams: usize,
    /// Another one has replaced it.
    pub(crate) replaced: bool,
    /// `on_done` requested more time.
    pub(crate) done_pending: bool,
    pub(crate) period: Duration,
    pub(crate) due: Option<Duration>,
}

/// Actions that run when the filter's code has returned, in this order.
#[derive(Debug)]
pub(crate) enum Action {
    Continue(u32, Side),
    Close(u32),
    Reply(u32, LocalReply),
    Delete(u32),
}

pub(crate) struct Host {
    pub(crate) options: Options,
    /// The number of this VM among those that share data.
    pub(crate) vm: u64,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    /// While the filter initialises or allocates, Envoy allows few calls.
    pub(crate) restricted: bool,
    pub(crate) current: u32,
    pub(crate) effective: u32,
    pub(crate) next_id: u32,
    pub(crate) roots: BTreeMap<u32, Root>,
    pub(crate) streams: HashMap<u32, Exchange>,
    /// Streams that have not ended.
    pub(crate) open: Vec<u32>,
    pub(crate) actions: VecDeque<Action>,
    /// This callback sent a local reply: the message does not continue, whatever the callback returns.
    pub(crate) stopped: bool,
    /// The configuration is readable only while the filter receives it.
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
            vm: options.shared.join(),
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

    /// The context that a call applies to.
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

    /// The stream that a call applies to.
    pub(crate) fn stream(&mut self) -> Option<&mut Exchange> {
        let id = self.context();
        self.streams.get_mut(&id).filter(|stream| !stream.deleted)
    }

    /// The settings of a stream's plugin.
    pub(crate) fn plugin(&self, stream: u32) -> Plugin {
        let root = self.streams.get(&stream).map(|stream| stream.root);
        let root = root.and_then(|root| self.roots.get(&root));
        root.map(|root| root.plugin).unwrap_or_default()
    }

    /// The root of the context that a call applies to.
    pub(crate) fn root(&self) -> u32 {
        let id = self.context();
        self.streams.get(&id).map_or(id, |stream| stream.root)
    }

    pub(crate) fn misuse(&mut self, misuse: Misuse) {
        self.misuses.push(misuse);
    }

    pub(crate) fn log(&mut self, level: Level, message: &[u8]) {
        if self.logs.len() == LINES {
            self.logs.pop_front();
        }
        let message = String::from_utf8_lossy(message).into_owned();
        self.logs.push_back(Log { level, message });
    }

    /// Exchanges the records that outlive this VM: the log, and the values of metrics.
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

/// A size in the ABI's type; larger ones are truncated, as in Envoy.
#[expect(clippy::cast_possible_truncation, reason = "as Envoy does it")]
pub(crate) fn number(size: usize) -> u32 {
    size as u32
}
