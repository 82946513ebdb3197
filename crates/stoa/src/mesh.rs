//! `stoa mesh`: what istioctl's proxy-status, proxy-config and `x authz check` say on a cluster, of the mesh that runs here. What
//! they say is made in stoa-mesh; here are the commands.

mod logs;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use stoa_mesh::inspect::{self, Envoy, InspectError, View};
use stoa_mesh::{Admin, AdminError, CompiledError};

use crate::check;
use crate::exit::{Code, Failure};
use crate::up::Run;

/// `stoa mesh`.
#[derive(Debug, Subcommand)]
pub(crate) enum MeshCommand {
    /// Every Envoy: what it has taken and refused, and its certificate (istioctl proxy-status)
    Status(StatusArgs),
    /// The routes of a workload's Envoy (istioctl proxy-config routes)
    Routes(RoutesArgs),
    /// Its clusters (istioctl proxy-config clusters)
    Clusters(ClustersArgs),
    /// Its endpoints and their health (istioctl proxy-config endpoints)
    Endpoints(PortArgs),
    /// Its listeners (istioctl proxy-config listeners)
    Listeners(PortArgs),
    /// All of its configuration, as JSON (istioctl proxy-config all -o json)
    Config(WorkloadArgs),
    /// Its log levels, or a new one for it (istioctl proxy-config log)
    LogLevel(LogLevelArgs),
    /// Who may call the workload, as its Envoy has it (istioctl x authz check)
    Authz(AuthzArgs),
    /// The end of its access log, or of its own log (kubectl logs -c istio-proxy)
    Logs(LogsArgs),
}

/// How something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table
    Table,
    /// JSON; configuration as Envoy has it
    Json,
}

/// How something is shown.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// How it is shown
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

impl OutputArgs {
    fn json(&self) -> bool {
        self.output == Output::Json
    }
}

/// `stoa mesh status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    mesh: StateArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// `stoa mesh authz`.
#[derive(Debug, Args)]
pub(crate) struct AuthzArgs {
    #[command(flatten)]
    of: WorkloadArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// `stoa mesh routes`.
#[derive(Debug, Args)]
pub(crate) struct RoutesArgs {
    #[command(flatten)]
    of: WorkloadArgs,

    /// Only those of this name, such as 80 or http.8080
    #[arg(long)]
    name: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// `stoa mesh clusters`.
#[derive(Debug, Args)]
pub(crate) struct ClustersArgs {
    #[command(flatten)]
    of: PortArgs,

    /// Only those whose service has this in its name, such as payment.shop
    #[arg(long)]
    fqdn: Option<String>,
}

/// `stoa mesh endpoints` and `stoa mesh listeners`.
#[derive(Debug, Args)]
pub(crate) struct PortArgs {
    #[command(flatten)]
    of: WorkloadArgs,

    /// Only those with this port
    #[arg(long)]
    port: Option<u16>,

    #[command(flatten)]
    output: OutputArgs,
}

impl PortArgs {
    fn view(&self) -> View {
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
    of: WorkloadArgs,

    /// The Envoy's own log instead of its access log
    #[arg(long)]
    envoy: bool,

    /// How many lines
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    tail: usize,

    /// Print what is added, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
}

/// Which mesh.
#[derive(Debug, Clone, Args)]
pub(crate) struct StateArgs {
    /// The state folder of the `stoa up` that runs it
    #[arg(long, value_name = "DIR", default_value = ".stoa")]
    pub(crate) state_dir: PathBuf,
}

/// Which workload.
#[derive(Debug, Args)]
pub(crate) struct WorkloadArgs {
    /// A Pod, or what it is one of: shop/payment-v1-0, payment-v1, payment
    pub(crate) workload: String,

    #[command(flatten)]
    pub(crate) mesh: StateArgs,
}

/// `stoa mesh log-level`.
#[derive(Debug, Args)]
pub(crate) struct LogLevelArgs {
    #[command(flatten)]
    pub(crate) of: WorkloadArgs,

    /// For all loggers, `debug`, or for some, `rbac:debug,jwt:trace`; without it the levels are shown
    #[arg(value_name = "LEVEL")]
    pub(crate) level: Option<String>,
}

/// Runs the command.
pub(crate) fn run(command: &MeshCommand) -> Result<(), Failure> {
    if let MeshCommand::Logs(arguments) = command {
        let all = envoys(&arguments.of.mesh.state_dir)?;
        let envoy = inspect::find(&all, &arguments.of.workload).map_err(failure)?;
        let log = match arguments.envoy {
            true => &envoy.log,
            false => &envoy.access_log,
        };
        return logs::print(log, arguments.tail, arguments.follow);
    }
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(&error, Code::Unavailable, "no threads"))?;
    let said = threads.block_on(said(command))?;
    check::print(&format!("{}\n", said.trim_end()))
}

async fn said(command: &MeshCommand) -> Result<String, Failure> {
    let of = match command {
        MeshCommand::Status(status) => {
            let all = envoys(&status.mesh.state_dir)?;
            let said = inspect::status(&all, status.output.json()).await;
            return said.map_err(failure);
        }
        MeshCommand::Routes(RoutesArgs { of, .. })
        | MeshCommand::Clusters(ClustersArgs {
            of: PortArgs { of, .. },
            ..
        })
        | MeshCommand::Endpoints(PortArgs { of, .. })
        | MeshCommand::Listeners(PortArgs { of, .. })
        | MeshCommand::Config(of)
        | MeshCommand::LogLevel(LogLevelArgs { of, .. })
        | MeshCommand::Authz(AuthzArgs { of, .. })
        | MeshCommand::Logs(LogsArgs { of, .. }) => of,
    };
    let all = envoys(&of.mesh.state_dir)?;
    let envoy = inspect::find(&all, &of.workload).map_err(failure)?;
    let said = match command {
        MeshCommand::Routes(of) => {
            let view = View {
                json: of.output.json(),
                name: of.name.clone(),
                ..View::default()
            };
            inspect::routes(envoy, &view).await
        }
        MeshCommand::Clusters(of) => {
            let view = View {
                fqdn: of.fqdn.clone(),
                ..of.of.view()
            };
            inspect::clusters(envoy, &view).await
        }
        MeshCommand::Endpoints(of) => inspect::endpoints(envoy, &all, &of.view()).await,
        MeshCommand::Listeners(of) => inspect::listeners(envoy, &of.view()).await,
        MeshCommand::Authz(of) => inspect::authz(envoy, of.output.json()).await,
        MeshCommand::LogLevel(of) => inspect::log_level(envoy, of.level.as_deref()).await,
        MeshCommand::Config(_) | MeshCommand::Status(_) | MeshCommand::Logs(_) => {
            inspect::config(envoy).await
        }
    };
    said.map_err(failure)
}

/// The Envoys of the mesh that runs in this state folder.
pub(crate) fn envoys(state_dir: &Path) -> Result<Vec<Envoy>, Failure> {
    let place = state_dir.display();
    let run = Run::find(state_dir, "say where it runs (--state-dir)")?;
    let (files, logs) = (state_dir.join("mesh"), state_dir.join("logs"));
    let of = |workload: crate::up::RunWorkload| {
        let admin = Admin::new(workload.admin?);
        Some(Envoy::new(&workload.name, admin, &files, &logs))
    };
    let envoys: Vec<_> = run.mesh.into_iter().filter_map(of).collect();
    if envoys.is_empty() {
        return Err(Failure::new(
            Code::Unavailable,
            format!("what runs in {place} runs without a mesh"),
        ));
    }
    Ok(envoys)
}

/// A folder of istio-compile cannot be read.
pub(crate) fn compiled_failure(error: &CompiledError) -> Failure {
    match error {
        CompiledError::Unreadable { path, error } => {
            let what = format!("{}: `make mesh` writes it (--mesh)", path.display());
            Failure::io(error, Code::Io, what)
        }
        CompiledError::Malformed { .. } => Failure::new(Code::Data, error.to_string()),
    }
}

fn failure(error: InspectError) -> Failure {
    let code = match &error {
        InspectError::Admin {
            error: AdminError::Silent { .. },
            ..
        } => Code::Unavailable,
        InspectError::Admin { .. } => Code::Internal,
        _ => Code::Usage,
    };
    Failure::new(code, error.to_string())
}
