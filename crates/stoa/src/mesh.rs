//! `stoa mesh`: shows for the running mesh what istioctl's proxy-status, proxy-config and `x authz check` show for a cluster.
//! stoa-mesh formats the texts. This file has the commands, and `mesh/args.rs` their arguments.

mod args;
mod logs;

use clap::Subcommand;
use stoa_mesh::inspect::{self, View};

use crate::envoys::envoys;
use crate::exit::{Code, Failure};
use crate::output::print;
use args::{
    AuthzArgs, ClustersArgs, LogLevelArgs, LogsArgs, PortArgs, RoutesArgs, StatusArgs, WorkloadArgs,
};

/// `stoa mesh`.
#[derive(Debug, Subcommand)]
pub(crate) enum MeshCommand {
    /// Every Envoy: the configuration that it accepted and rejected, and its certificate (istioctl proxy-status)
    Status(StatusArgs),
    /// The routes of a workload's Envoy (istioctl proxy-config routes)
    Routes(RoutesArgs),
    /// The clusters of a workload's Envoy (istioctl proxy-config clusters)
    Clusters(ClustersArgs),
    /// The endpoints of a workload's Envoy, and their health (istioctl proxy-config endpoints)
    Endpoints(PortArgs),
    /// The listeners of a workload's Envoy (istioctl proxy-config listeners)
    Listeners(PortArgs),
    /// The whole configuration of a workload's Envoy, as JSON (istioctl proxy-config all -o json)
    Config(WorkloadArgs),
    /// Show or set the log levels of a workload's Envoy (istioctl proxy-config log)
    LogLevel(LogLevelArgs),
    /// The callers that a workload's Envoy allows (istioctl x authz check)
    Authz(AuthzArgs),
    /// The end of the access log of a workload's Envoy, or of the Envoy's own log (kubectl logs -c istio-proxy)
    Logs(LogsArgs),
}

/// Runs the command.
pub(crate) fn run(command: &MeshCommand) -> Result<(), Failure> {
    if let MeshCommand::Logs(arguments) = command {
        let all = envoys(&arguments.of.mesh.state_dir)?;
        let envoy = inspect::find(&all, &arguments.of.workload)?;
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
    let shown = threads.block_on(show(command))?;
    print(&format!("{}\n", shown.trim_end()))
}

async fn show(command: &MeshCommand) -> Result<String, Failure> {
    let of = match command {
        MeshCommand::Status(status) => {
            let all = envoys(&status.mesh.state_dir)?;
            return Ok(inspect::status(&all, status.output.json()).await?);
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
    let envoy = inspect::find(&all, &of.workload)?;
    let shown = match command {
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
    Ok(shown?)
}
