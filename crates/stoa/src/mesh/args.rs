//! The arguments of `stoa mesh`.

use clap::{Args, ValueEnum};
use stoa_mesh::inspect::View;

use crate::args::StateArgs;

/// The format of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table
    Table,
    /// JSON; configuration in Envoy's own form
    Json,
}

/// The format of a result.
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
    pub(crate) of: WorkloadArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// `stoa mesh routes`.
#[derive(Debug, Args)]
pub(crate) struct RoutesArgs {
    #[command(flatten)]
    pub(crate) of: WorkloadArgs,

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
    pub(crate) of: PortArgs,

    /// Show only clusters whose service name contains this, such as payment.shop
    #[arg(long)]
    pub(crate) fqdn: Option<String>,
}

/// `stoa mesh endpoints` and `stoa mesh listeners`.
#[derive(Debug, Args)]
pub(crate) struct PortArgs {
    #[command(flatten)]
    pub(crate) of: WorkloadArgs,

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
    pub(crate) of: WorkloadArgs,

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
    /// Pod, or a unique beginning of its name: shop/payment-v1-0, payment-v1, payment
    pub(crate) workload: String,

    #[command(flatten)]
    pub(crate) mesh: StateArgs,
}

/// `stoa mesh log-level`.
#[derive(Debug, Args)]
pub(crate) struct LogLevelArgs {
    #[command(flatten)]
    pub(crate) of: WorkloadArgs,

    /// New level for all loggers, `debug`, or for some, `rbac:debug,jwt:trace` [default: show the levels]
    #[arg(value_name = "LEVEL")]
    pub(crate) level: Option<String>,
}
