//! Settings of a host program: limits, folders, and where a guest's output goes.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::output::{Output, ProcessOutput};

/// Limits of one request, and how many may run at once.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of linear memory of one instance, all its memories together. Default 128 MiB: argon2id takes 19 MiB, and a sane
    /// request handler needs less than 10 % of the limit.
    pub memory_per_instance: usize,
    /// Wall time of one request, from its start until the guest returns. A guest may continue after its response. Default 30 s. A
    /// request that is cut off before its response gets 504, or 408 if its guest was still waiting for the body. While half of
    /// all instances wait for bodies, other requests start only once their body is complete; a client may take the same time
    /// again for that.
    pub request_timeout: Duration,
    /// How long a client may take for the head of a request, idle time between two requests included. Default 60 s;
    /// then the connection is closed.
    pub head_timeout: Duration,
    /// Bytes of a request's line and headers. Default 60 KiB, as in Envoy; a larger head gets 431.
    pub max_request_head: usize,
    /// Bytes of one request's body. Default 4 MiB; a larger body gets 413.
    pub max_request_body: u64,
    /// Requests from outside that run at the same time. Default 128; one more gets 503 with `Retry-After`. In-process calls
    /// between components do not count; instances are reserved for them.
    pub max_instances: u32,
    /// How deep in-process calls may nest (a calls b calls c is 2). Default 12; a deeper call fails with `LoopDetected`.
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

/// The configuration of a [`Runtime`](crate::Runtime).
#[derive(Clone)]
pub struct RuntimeConfig {
    /// The folder of compiled code, kept between starts. None: every start compiles all of it.
    pub cache_dir: Option<PathBuf>,
    /// The folder for the databases of all apps, except those with a folder of their own.
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

/// Settings of one app of a runtime.
#[derive(Clone, Debug, Default)]
pub struct AppOptions {
    /// Proxy for every outbound `http` request that leaves this process; its Host header is kept. `https` requests are then
    /// rejected, since they would bypass the proxy.
    pub outbound_proxy: Option<SocketAddr>,
    /// Addresses of hosts that this machine cannot resolve, by name and port: `web.example:80`.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// A folder of its own for this app's databases.
    pub state_dir: Option<PathBuf>,
}
