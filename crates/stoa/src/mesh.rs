//! `stoa mesh`: shows for the running mesh what istioctl's proxy-status, proxy-config and `x authz check` show for a cluster.
//! The crate stoa-mesh formats the texts. This file has the commands, and `mesh/args.rs` has the commands' arguments.

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
    /// Show the accepted and rejected configuration and the certificate of every Envoy (istioctl proxy-status)
    Status(StatusArgs),
    /// Show the routes of a workload's Envoy (istioctl proxy-config routes)
    Routes(RoutesArgs),
    /// Show the clusters of a workload's Envoy (istioctl proxy-config clusters)
    Clusters(ClustersArgs),
    /// Show the endpoints of a workload's Envoy, and the endpoints' health (istioctl proxy-config endpoints)
    Endpoints(PortArgs),
    /// Show the listeners of a workload's Envoy (istioctl proxy-config listeners)
    Listeners(PortArgs),
    /// Show the whole configuration of a workload's Envoy, as JSON (istioctl proxy-config all -o json)
    Config(WorkloadArgs),
    /// Show or set the log levels of a workload's Envoy (istioctl proxy-config log)
    LogLevel(LogLevelArgs),
    /// Show the callers that a workload's Envoy permits (istioctl x authz check)
    Authz(AuthzArgs),
    /// Show the last lines of the access log of a workload's Envoy. With --envoy, show the last lines of the Envoy's own log
    /// (kubectl logs -c istio-proxy)
    Logs(LogsArgs),
}

/// Runs the command.
pub(crate) fn run(command: &MeshCommand) -> Result<(), Failure> {
    if let MeshCommand::Logs(arguments) = command {
        let all = envoys(&arguments.target.mesh.state_dir)?;
        let envoy = inspect::find(&all, &arguments.target.workload)?;
        let log = match arguments.envoy {
            true => &envoy.log,
            false => &envoy.access_log,
        };
        return logs::print(log, arguments.tail, arguments.follow);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::io(&error, Code::Unavailable, "cannot start the async runtime")
        })?;
    let text = runtime.block_on(show(command))?;
    print(&format!("{}\n", text.trim_end()))
}

async fn show(command: &MeshCommand) -> Result<String, Failure> {
    let target = match command {
        MeshCommand::Status(status) => {
            let all = envoys(&status.mesh.state_dir)?;
            return Ok(inspect::status(&all, status.output.json()).await?);
        }
        MeshCommand::Routes(RoutesArgs { target, .. })
        | MeshCommand::Clusters(ClustersArgs {
            ports: PortArgs { target, .. },
            ..
        })
        | MeshCommand::Endpoints(PortArgs { target, .. })
        | MeshCommand::Listeners(PortArgs { target, .. })
        | MeshCommand::Config(target)
        | MeshCommand::LogLevel(LogLevelArgs { target, .. })
        | MeshCommand::Authz(AuthzArgs { target, .. })
        | MeshCommand::Logs(LogsArgs { target, .. }) => target,
    };
    let all = envoys(&target.mesh.state_dir)?;
    let envoy = inspect::find(&all, &target.workload)?;
    let text = match command {
        MeshCommand::Routes(arguments) => {
            let view = View {
                json: arguments.output.json(),
                name: arguments.name.clone(),
                ..View::default()
            };
            inspect::routes(envoy, &view).await
        }
        MeshCommand::Clusters(arguments) => {
            let view = View {
                fqdn: arguments.fqdn.clone(),
                ..arguments.ports.view()
            };
            inspect::clusters(envoy, &view).await
        }
        MeshCommand::Endpoints(arguments) => {
            inspect::endpoints(envoy, &all, &arguments.view()).await
        }
        MeshCommand::Listeners(arguments) => inspect::listeners(envoy, &arguments.view()).await,
        MeshCommand::Authz(arguments) => inspect::authz(envoy, arguments.output.json()).await,
        MeshCommand::LogLevel(arguments) => {
            inspect::log_level(envoy, arguments.level.as_deref()).await
        }
        MeshCommand::Config(_) | MeshCommand::Status(_) | MeshCommand::Logs(_) => {
            inspect::config(envoy).await
        }
    };
    Ok(text?)
}
