//! The settings that a host program passes to the runtime: limits, folders, and the receiver of the lines that guests print.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::output::{Output, ProcessOutput};

/// The limits of one request, and the limit of concurrent requests.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The maximum total size of all linear memories of one instance, in bytes. Default 128 MiB: argon2id takes 19 MiB, and a
    /// usual request handler needs less than 10 % of the limit.
    pub memory_per_instance: usize,
    /// The maximum wall time of one request, from the start of the guest until the guest returns. A guest may continue after its
    /// response, up to this limit. Default 30 s. A request that is cut off before its response gets 504, or 408 if the guest still
    /// waits for the request's body. While half of all instances wait for bodies, a further request starts only when its body is
    /// complete. The client may then take up to this limit for sending the body, in addition to the time of the guest.
    pub request_timeout: Duration,
    /// The time within which a client must send the head of a request. The idle time between two requests counts too. Default 60
    /// s. After this time, the connection is closed.
    pub head_timeout: Duration,
    /// The maximum size of a request's line and headers together, in bytes. Default 60 KiB, as in Envoy. A request with a larger
    /// head gets 431.
    pub max_request_head: usize,
    /// The maximum size of one request's body, in bytes. Default 4 MiB. A request with a larger body gets 413.
    pub max_request_body: u64,
    /// The number of requests from outside that may run at the same time. Default 128. A further request gets 503 with
    /// `Retry-After`. In-process calls between components do not count, because instances are reserved for such calls.
    pub max_instances: u32,
    /// The maximum depth of nested in-process calls. If component a calls b and b calls c, the depth is 2. Default 12. A deeper
    /// call fails with `LoopDetected`.
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
    /// The folder for compiled code. Later starts reuse this code. None: every start compiles all components.
    pub cache_dir: Option<PathBuf>,
    /// The folder for the databases of all apps that do not set [`AppOptions::state_dir`].
    pub state_dir: PathBuf,
    /// The limits that apply to all apps of this runtime.
    pub limits: Limits,
    /// Receives each line that a guest writes to stdout or stderr.
    pub output: Arc<dyn Output>,
}

impl RuntimeConfig {
    /// A configuration with default limits and without a cache. Guests' output goes to this process's stdout and stderr.
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
    /// The proxy for every outbound `http` request that leaves this process. The proxy gets the request with its original Host
    /// header. If a proxy is set, `https` requests are rejected, because they would bypass the proxy.
    pub outbound_proxy: Option<SocketAddr>,
    /// The addresses of hosts whose names this machine cannot resolve. Each key is the host's name with its port:
    /// `web.example:80`.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// The folder for this app's databases. None: the folder in [`RuntimeConfig::state_dir`].
    pub state_dir: Option<PathBuf>,
}
