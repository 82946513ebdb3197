//! `stoa mesh`: what istioctl's proxy-status, proxy-config and `x authz check` say on a cluster, of the mesh that runs here. What
//! they say is made in stoa-mesh; here are the commands.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use stoa_mesh::inspect::{self, Envoy, InspectError};
use stoa_mesh::{Admin, AdminError, CompiledError};

use crate::check;
use crate::exit::{Code, Failure};
use crate::up::Run;

/// `stoa mesh`.
#[derive(Debug, Subcommand)]
pub(crate) enum MeshCommand {
    /// Every Envoy: what it has taken and refused, and its certificate (istioctl proxy-status)
    Status(StateArgs),
    /// The routes of a workload's Envoy (istioctl proxy-config routes)
    Routes(WorkloadArgs),
    /// Its clusters (istioctl proxy-config clusters)
    Clusters(WorkloadArgs),
    /// Its endpoints and their health (istioctl proxy-config endpoints)
    Endpoints(WorkloadArgs),
    /// Its listeners (istioctl proxy-config listeners)
    Listeners(WorkloadArgs),
    /// All of its configuration, as JSON (istioctl proxy-config all -o json)
    Config(WorkloadArgs),
    /// Its log levels, or a new one for it (istioctl proxy-config log)
    LogLevel(LogLevelArgs),
    /// Who may call the workload, as its Envoy has it (istioctl x authz check)
    Authz(WorkloadArgs),
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
    /// A Pod, or what it is one of: shop/payment-v1-0, payment-v1, payment
    pub(crate) workload: String,

    /// For all loggers, `debug`, or for some, `rbac:debug,jwt:trace`; without it the levels are shown
    #[arg(value_name = "LEVEL")]
    pub(crate) level: Option<String>,

    #[command(flatten)]
    pub(crate) mesh: StateArgs,
}

/// Runs the command.
pub(crate) fn run(command: &MeshCommand) -> Result<(), Failure> {
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(&error, Code::Unavailable, "no threads"))?;
    let said = threads.block_on(said(command))?;
    check::print(&format!("{}\n", said.trim_end()))
}

async fn said(command: &MeshCommand) -> Result<String, Failure> {
    let (state, workload) = match command {
        MeshCommand::Status(state) => (state, None),
        MeshCommand::Routes(of)
        | MeshCommand::Clusters(of)
        | MeshCommand::Endpoints(of)
        | MeshCommand::Listeners(of)
        | MeshCommand::Config(of)
        | MeshCommand::Authz(of) => (&of.mesh, Some(&of.workload)),
        MeshCommand::LogLevel(of) => (&of.mesh, Some(&of.workload)),
    };
    let all = envoys(&state.state_dir)?;
    let Some(workload) = workload else {
        return inspect::status(&all).await.map_err(failure);
    };
    let envoy = inspect::find(&all, workload).map_err(failure)?;
    let said = match command {
        MeshCommand::Status(_) => inspect::status(&all).await,
        MeshCommand::Routes(_) => inspect::routes(envoy).await,
        MeshCommand::Clusters(_) => inspect::clusters(envoy).await,
        MeshCommand::Endpoints(_) => inspect::endpoints(envoy, &all).await,
        MeshCommand::Listeners(_) => inspect::listeners(envoy).await,
        MeshCommand::Config(_) => inspect::config(envoy).await,
        MeshCommand::Authz(_) => inspect::authz(envoy).await,
        MeshCommand::LogLevel(of) => inspect::log_level(envoy, of.level.as_deref()).await,
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
