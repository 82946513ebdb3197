//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::api;
use crate::audit::AuditArgs;
use crate::filter::FilterCommand;
use crate::load::LoadArgs;
use crate::mesh::MeshCommand;
use crate::reset::ResetArgs;
use crate::scenario::ScenarioCommand;
use crate::set::{CanaryCommand, FaultCommand};

const ABOUT: &str = "Runs an application of WebAssembly components, as its spin.toml describes it, on this machine.";

const EXAMPLES: &str = "\
Examples:
  stoa up                                    run ./spin.toml on port 8080
  stoa up --no-mesh                          the same without Envoys
  stoa up --listen 127.0.0.1:0               on a port that is free
  stoa up --variable payment_url=http://127.0.0.1:9000
  stoa check                                 all that is wrong with ./spin.toml
  stoa mesh status                           what a running mesh's Envoys have
  stoa canary set product v2=25%             and change what they do
  stoa fault set payment decline=30%
  stoa scenario list                         failures that can be replayed
  stoa load --users 20 --duration 1m         customers who browse and buy
  stoa audit                                 whether a shop's books agree
  stoa reset                                 remove a shop's data
  stoa doctor                                what this machine has and lacks
  stoa filter push F.wasm REGISTRY/NAME:TAG  an Envoy filter, for Istio

Exit codes (sysexits):
  0     done or stopped
  1     what was checked does not hold
  64    wrong command line
  65    wrong manifest or filter
  66    no such file or folder
  69    something is missing or taken, or a registry says no
  70    a fault of stoa
  73    cannot create
  74    cannot read or write
  77    not permitted
  130   stopped at once: by a second Ctrl-C, or in `stoa load` by one before
        customers came";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "stoa", version, about = ABOUT, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start an application; Ctrl-C stops it
    Up(Box<UpArgs>),
    /// Read a manifest and its .wasm files, and say what it declares or what is wrong with them
    Check(AppArgs),
    /// Say what building and running needs, what of it is here, and how to get the rest
    Doctor(DoctorArgs),
    /// Ask the Envoys of a running mesh what istioctl would ask them on a cluster
    #[command(subcommand)]
    Mesh(MeshCommand),
    /// Set what the canary-router sends where, while the mesh runs
    #[command(subcommand)]
    Canary(CanaryCommand),
    /// Set what a fault filter injects, while the mesh runs
    #[command(subcommand)]
    Fault(FaultCommand),
    /// List the failures that can be replayed in a mesh, and end the one in force
    #[command(subcommand)]
    Scenario(ScenarioCommand),
    /// Send customers to a shop who browse and buy, check what they are answered, and say how long it took
    Load(Box<LoadArgs>),
    /// Read all services of a running shop, and check that what they say of orders, money, stock and parcels agrees
    Audit(AuditArgs),
    /// Remove the data of an application that does not run, after a question
    Reset(ResetArgs),
    /// Pack an Envoy filter as an OCI image, and push it
    #[command(subcommand)]
    Filter(FilterCommand),
}

/// Which application.
#[derive(Debug, Clone, Args)]
pub(crate) struct AppArgs {
    /// The application's manifest
    #[arg(short = 'f', long, value_name = "FILE", default_value = "spin.toml")]
    pub(crate) manifest: PathBuf,

    /// Set a variable of the application; wins over SPIN_VARIABLE_NAME in the environment, and that over the default
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,

    /// Run these components and what they are composed with [default: all]
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    pub(crate) components: Option<Vec<String>>,

    /// An OpenAPI document: what it marks x-internal, or does not list, stays off the main listener, and what has an
    /// x-timer is called that often [default: api/openapi.yaml beside the manifest, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) api: Option<PathBuf>,
}

/// `stoa up`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without an OpenAPI document every public route answers on the main listener. Data, compiled code and run.json (process \
and addresses, while it runs) are in the state folder, which one process holds at a time. SSL_CERT_FILE names the authorities \
that the certificates of third parties outside of the mesh have to be from [default: the system's].

Examples:
  stoa up --listen 127.0.0.1:0           a port that is free; run.json has it
  stoa up --components cart,pricing
  stoa up --no-timers --log json --log-level warn
  stoa up --no-mesh --manifest spin.canary.toml --state-dir .stoa/canary")]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) app: AppArgs,

    /// Where data is kept
    #[arg(long, value_name = "DIR", default_value = ".stoa")]
    pub(crate) state_dir: PathBuf,

    /// Where compiled code is kept [default: cache/ in the state folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Where the application answers; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Where every public route answers, for operators and tests
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) operator_listen: SocketAddr,

    /// What istio-compile made of the manifests: then every workload runs behind an Envoy of its own, in a mesh with mutual TLS
    /// [default: istio/compiled beside the manifest, if it is there]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["components", "no_mesh"])]
    pub(crate) mesh: Option<PathBuf>,

    /// Run the components of the one manifest in this process, without Envoys
    #[arg(long)]
    pub(crate) no_mesh: bool,

    /// How long the mesh's certificates are valid; they are renewed after half of that
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub(crate) certificate_lifetime: Duration,

    /// Build a component again when its sources change, and take it from the next request on
    #[arg(long)]
    pub(crate) watch: bool,

    /// What builds a component that changed, instead of the command in its manifest
    #[arg(long, value_name = "COMMAND", requires = "watch")]
    pub(crate) build_command: Option<String>,

    /// Leave the OpenAPI document's timers off
    #[arg(long)]
    pub(crate) no_timers: bool,

    /// Requests at work at the same time; more get 503 [default: 128]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) max_instances: Option<u32>,

    /// Memory of one instance, such as 64MiB [default: 128MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory: Option<u64>,

    /// Time for one request, such as 30s [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) request_timeout: Option<Duration>,

    /// Time for the head of a request, and between two on one connection, such as 60s [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) head_timeout: Option<Duration>,

    /// Largest body of a request, such as 4MiB [default: 4MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_body: Option<u64>,

    /// How stoa's own lines on stderr look
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(crate) log: LogFormat,

    /// Which of them: error, warn, info, debug, trace, or a filter such as stoa_runtime=debug. trace shows what components
    /// and host hand each other, secrets included: for made-up data only
    #[arg(long, value_name = "LEVEL", env = "STOA_LOG", default_value = "info")]
    pub(crate) log_level: String,
}

/// `stoa doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The application's manifest
    #[arg(short = 'f', long, value_name = "FILE", default_value = "spin.toml")]
    pub(crate) manifest: PathBuf,

    /// Where data would be kept
    #[arg(long, value_name = "DIR", default_value = ".stoa")]
    pub(crate) state_dir: PathBuf,

    /// Where the application would answer
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere
    Auto,
    /// A line for people
    Text,
    /// A JSON object a line
    Json,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    api::duration(text).ok_or_else(|| "expected a duration such as 500ms, 30s, 2m or 1h".to_owned())
}

/// Bytes, `KiB`, `MiB` or `GiB`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let shift = match unit {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err("expected a size such as 65536, 64KiB, 64MiB or 1GiB".to_owned()),
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift));
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "expected a number above 0 that fits 64 bits".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every command, and those below it.
    fn commands(command: clap::Command) -> Vec<clap::Command> {
        let below: Vec<_> = command.get_subcommands().cloned().collect();
        let below = below.into_iter().flat_map(commands);
        std::iter::once(command)
            .chain(below.collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn help_is_wrapped_once_by_the_width_of_the_terminal() {
        for command in commands(Cli::command()) {
            let name = command.get_name().to_owned();
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let lines: Vec<_> = help.lines().collect();
            for pair in lines.windows(2) {
                let prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
                let heading = pair[0].ends_with(':');
                assert!(
                    !(prose(pair[0]) && prose(pair[1])) || heading,
                    "{name}: a paragraph that is wrapped by hand is wrapped again: {pair:?}"
                );
            }
            for line in lines.iter().filter(|line| line.starts_with(' ')) {
                assert!(
                    line.chars().count() <= 80,
                    "{name}: wrapped on a terminal: {line}"
                );
            }
        }
    }

    #[test]
    fn reads_sizes_and_variables() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("17"), Ok(17));
        for text in ["", "0", "64MB", "-1", "MiB", "99999999999GiB", "1.5GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(variable("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(variable("=b").is_err() && variable("a").is_err());
    }

    #[test]
    fn the_defaults_named_in_the_help_are_those_of_the_runtime() {
        let limits = stoa_runtime::Limits::default();
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
