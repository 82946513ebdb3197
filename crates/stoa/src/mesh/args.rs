//! The arguments of `stoa mesh`.

use clap::{Args, ValueEnum};
use stoa_mesh::inspect::View;

use crate::args::StateArgs;

/// The format in which a command prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Print a table
    Table,
    /// Print JSON. The configuration of an Envoy has the format of the Envoy's config dump
    Json,
}

/// The argument for the output format.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Output,
}

impl OutputArgs {
    pub(crate) fn json(&self) -> bool {
        self.output == Output::Json
    }
}

/// `stoa mesh status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) mesh: StateArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// `stoa mesh authz`.
#[derive(Debug, Args)]
pub(crate) struct AuthzArgs {
    #[command(flatten)]
    pub(crate) target: WorkloadArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// `stoa mesh routes`.
#[derive(Debug, Args)]
pub(crate) struct RoutesArgs {
    #[command(flatten)]
    pub(crate) target: WorkloadArgs,

    /// Show only routes with this name, such as 80 or http.8080
    #[arg(long)]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// `stoa mesh clusters`.
#[derive(Debug, Args)]
pub(crate) struct ClustersArgs {
    #[command(flatten)]
    pub(crate) ports: PortArgs,

    /// Show only clusters whose service name contains this text, such as payment.shop
    #[arg(long)]
    pub(crate) fqdn: Option<String>,
}

/// The arguments of `stoa mesh endpoints` and `stoa mesh listeners`.
#[derive(Debug, Args)]
pub(crate) struct PortArgs {
    #[command(flatten)]
    pub(crate) target: WorkloadArgs,

    /// Show only entries with this port
    #[arg(long)]
    pub(crate) port: Option<u16>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl PortArgs {
    pub(crate) fn view(&self) -> View {
        View {
            json: self.output.json(),
            port: self.port,
            ..View::default()
        }
    }
}

/// `stoa mesh logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    pub(crate) target: WorkloadArgs,

    /// Show the Envoy's own log instead of its access log
    #[arg(long)]
    pub(crate) envoy: bool,

    /// Number of lines to show
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub(crate) tail: usize,

    /// Print new lines as they are written, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
}

/// Selects the workload.
#[derive(Debug, Args)]
pub(crate) struct WorkloadArgs {
    /// Name of a Pod, or the unique beginning of a Pod's name, such as shop/payment-v1-0, payment-v1 or payment
    pub(crate) workload: String,

    #[command(flatten)]
    pub(crate) mesh: StateArgs,
}

/// The arguments of `stoa mesh log-level`.
#[derive(Debug, Args)]
pub(crate) struct LogLevelArgs {
    #[command(flatten)]
    pub(crate) target: WorkloadArgs,

    /// New level for all loggers, such as debug, or for single loggers, such as rbac:debug,jwt:trace [default: show the levels]
    #[arg(value_name = "LEVEL")]
    pub(crate) level: Option<String>,
}
