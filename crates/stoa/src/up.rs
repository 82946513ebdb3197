//! The arguments of `stoa up`. The crate stoa-up implements the command, and `up/report.rs` prints the reports.

mod report;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use stoa_runtime::Limits;
use stoa_up::{MeshChoice, Options, Watch};

use crate::args::{AppArgs, duration, size};
use crate::exit::Failure;
use crate::log::{self, LogFormat};
use report::Terminal;

/// `stoa up`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without a mesh and without an OpenAPI document, the main listener serves every public route. The state folder has the data, the \
compiled code and, while the application runs, run.json with the process id and the addresses. Only one process can use a state \
folder at a time. \
The environment variable SSL_CERT_FILE names the file with the trusted certificate authorities, in PEM: for PostgreSQL over TLS, and \
for third parties outside the mesh [default: the system's file].

A duration is a value such as 500ms, 30s, 5m or 24h. A size is a value such as 65536, 64KiB, 256MiB or 1GiB.

Examples:
  stoa up --listen 127.0.0.1:0           any free port; run.json has the port
  stoa up --components cart,pricing
  stoa up --no-timers --log json --log-level warn
  stoa up --no-mesh --manifest spin.canary.toml --state-dir .stoa/canary")]
pub(crate) struct UpArgs {
    #[command(flatten)]
    app: AppArgs,

    /// Folder for the application's data
    #[arg(long, value_name = "DIR", default_value = ".stoa")]
    state_dir: PathBuf,

    /// Folder for compiled code [default: cache/ in the state folder]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Address of the main listener; port 0 selects any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Operator's address, for operators and tests. Without a mesh, it serves every public route; in a mesh, all reads, and the
    /// internal operations that the policies permit
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    operator_listen: SocketAddr,

    /// Folder that istio-compile wrote. Every workload then runs behind its own Envoy, in a mesh with mutual TLS
    /// [default: istio/compiled beside the manifest, if that folder exists]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["components", "no_mesh"])]
    mesh: Option<PathBuf>,

    /// Run only this manifest's components, in one process and without Envoys
    #[arg(long)]
    no_mesh: bool,

    /// Lifetime of the mesh's certificates; a certificate is renewed after half of its lifetime
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    certificate_lifetime: Duration,

    /// Rebuild a component when its sources change, and load it for the next request
    #[arg(long)]
    watch: bool,

    /// Command that builds a changed component, instead of the command in its manifest
    #[arg(long, value_name = "COMMAND", requires = "watch")]
    build_command: Option<String>,

    /// Do not call the operations with x-timer in the OpenAPI document
    #[arg(long)]
    no_timers: bool,

    #[command(flatten)]
    limits: LimitArgs,

    /// Format of stoa's own log lines on stderr
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    log: LogFormat,

    /// Log level: error, warn, info, debug, trace, or a filter such as stoa_runtime=debug. The level trace logs the data that
    /// components and host exchange, and these data contain secrets, so use trace with test data only
    #[arg(long, value_name = "LEVEL", env = "STOA_LOG", default_value = "info")]
    log_level: String,
}

/// Arguments for the limits of requests and instances.
#[derive(Debug, Args)]
struct LimitArgs {
    /// Limit of requests in flight; further requests get 503 [default: 128]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_instances: Option<u32>,

    /// Memory limit of one instance, such as 64MiB [default: 128MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,

    /// Timeout of one request, such as 30s [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    request_timeout: Option<Duration>,

    /// Timeout for the arrival of a request's headers, and for the next request on a connection, such as 60s [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    head_timeout: Option<Duration>,

    /// Size limit of a request's body, such as 4MiB [default: 4MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_body: Option<u64>,
}

/// Runs the command.
pub(crate) fn run(arguments: UpArgs) -> Result<(), Failure> {
    log::start(arguments.log, &arguments.log_level)?;
    let reporter = Arc::new(Terminal::new(&arguments.state_dir));
    stoa_up::run(arguments.options(), reporter)?;
    Ok(())
}

impl UpArgs {
    fn options(self) -> Options {
        // A mesh always runs all components of a release. So the application runs without a mesh if --components selects
        // components.
        let without_mesh = self.no_mesh || self.app.components.is_some();
        let mesh = match self.mesh {
            _ if without_mesh => MeshChoice::Off,
            Some(folder) => MeshChoice::Compiled(folder),
            None => MeshChoice::IfCompiled,
        };
        let build_command = self.build_command;
        Options {
            app: self.app.source(),
            state_dir: self.state_dir,
            cache_dir: self.cache_dir,
            listen: self.listen,
            operator_listen: self.operator_listen,
            mesh,
            certificate_lifetime: self.certificate_lifetime,
            watch: self.watch.then_some(Watch { build_command }),
            timers: !self.no_timers,
            limits: self.limits.limits(),
        }
    }
}

impl LimitArgs {
    fn limits(&self) -> Limits {
        let default = Limits::default();
        let memory = self.memory.map_or(default.memory_per_instance, |bytes| {
            usize::try_from(bytes).unwrap_or(usize::MAX)
        });
        Limits {
            memory_per_instance: memory,
            request_timeout: self.request_timeout.unwrap_or(default.request_timeout),
            head_timeout: self.head_timeout.unwrap_or(default.head_timeout),
            max_request_body: self.max_body.unwrap_or(default.max_request_body),
            max_instances: self.max_instances.unwrap_or(default.max_instances),
            ..default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_in_the_help_texts_are_the_runtimes_defaults() {
        let limits = Limits::default();
        assert_eq!(
            (limits.max_instances, limits.memory_per_instance),
            (128, 128 << 20)
        );
        assert_eq!(
            (
                limits.request_timeout,
                limits.head_timeout,
                limits.max_request_body
            ),
            (Duration::from_secs(30), Duration::from_secs(60), 4 << 20)
        );
    }
}
