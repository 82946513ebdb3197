//! What a host program may set: limits, folders, and where a guest's output goes.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::output::{Output, ProcessOutput};

/// What one request may take, and how many may run at once.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of linear memory of one instance, all its memories together. Default 128 MiB: argon2id takes 19 MiB, and
    /// no sane request handler needs a tenth of this.
    pub memory_per_instance: usize,
    /// Wall time of one request, from its start to the guest's return (a guest may go on after it has answered).
    /// Default 30 s. A request cut off before it answered gets 504, or 408 where its guest still waited for the body. Where
    /// half of all instances wait for bodies, others get theirs only once the body is there, for which a client may take
    /// as long again.
    pub request_timeout: Duration,
    /// How long a client may take for the head of a request, idle time between two requests included. Default 60 s;
    /// then the connection is closed.
    pub head_timeout: Duration,
    /// Bytes of a request's line and headers. Default 60 KiB, as Envoy's; above it the answer is 431.
    pub max_request_head: usize,
    /// Bytes of one request's body. Default 4 MiB; above it the answer is 413.
    pub max_request_body: u64,
    /// Requests from outside that run at the same time. Default 128; one more gets 503 with `Retry-After`. In-process
    /// calls between components do not count, and have instances of their own in reserve.
    pub max_instances: u32,
    /// How deep in-process calls may nest (a calls b calls c is 2). Default 12; one deeper fails with `LoopDetected`.
    pub max_call_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_per_instance: 128 << 20,
            request_timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(60),
            max_request_head: 60 << 10,
            max_request_body: 4 << 20,
            max_instances: 128,
            max_call_depth: 12,
        }
    }
}

/// How a [`Runtime`](crate::Runtime) is set up.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// Where compiled code is kept from one start to the next. None compiles anew at each start.
    pub cache_dir: Option<PathBuf>,
    /// Where the databases of all apps live, unless an app has a folder of its own.
    pub state_dir: PathBuf,
    /// Limits of every app of this runtime.
    pub limits: Limits,
    /// Takes each line that a guest writes to stdout or stderr.
    pub output: Arc<dyn Output>,
}

impl RuntimeConfig {
    /// Default limits, no cache, guests write to this process's stdout and stderr.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: None,
            state_dir: state_dir.into(),
            limits: Limits::default(),
            output: Arc::new(ProcessOutput),
        }
    }
}

/// What is particular to one app of a runtime.
#[derive(Clone, Debug, Default)]
pub struct AppOptions {
    /// Send every outbound `http` request that does not stay in this process here, its Host header kept. An `https`
    /// request is refused then, since it would bypass the proxy.
    pub outbound_proxy: Option<SocketAddr>,
    /// Hosts that this machine's names do not know, `web.example:80`, and where they are.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// A folder of its own for this app's databases.
    pub state_dir: Option<PathBuf>,
}
