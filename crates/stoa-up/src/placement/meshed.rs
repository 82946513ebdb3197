//! The placement in a mesh: the components of every workload run behind the workload's own sidecar, and a gateway is in front of
//! all workloads. `meshed/plan.rs` assigns components to workloads. `meshed/releases.rs` finds the application's manifest for each
//! SpinApp. `meshed/files.rs` has the mesh's programs, folders and ports.

mod files;
mod plan;
mod releases;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stoa_mesh::{AccessLogs, Mesh, Metrics, Overrides, Proxy, Scenario, Workload};
use stoa_runtime::Runtime;

use crate::document::Document;
use crate::engine::{LoadedPart, Part};
use crate::error::UpError;
use crate::folder::{logs_folder, mesh_folder};
use crate::listeners::serve;
use crate::notice::{Notice, Reporter};
use crate::operator::{Destinations, Operator};
use crate::options::Options;
use crate::placement::Placement;
use crate::run::{Addresses, RunWorkload};
use crate::stopping::{GRACE_PERIOD, Tasks, stopped};
use crate::timers::Callee;
use files::{APP_PORT, GATEWAY_PORT};
use plan::Plan;

/// Deadline for the Envoys to be ready. An Envoy compiles its filters first, which takes long on a busy machine.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// An application that runs in a mesh.
pub(crate) struct Meshed {
    mesh: Mesh,
    metrics: Arc<Metrics>,
    /// The mesh's own folder in the state folder.
    folder: PathBuf,
    logs: PathBuf,
    /// The listeners of the parts, in the order of the parts. The list is empty once the listeners are served.
    listeners: Vec<TcpListener>,
    /// The destinations of the operator's requests. The map is empty once the operator's listener is served.
    destinations: Destinations,
}

impl Meshed {
    /// Prepares a mesh with the configuration in the folder `compiled`, and binds the workloads' listeners.
    pub(crate) fn prepare(
        options: &Options,
        compiled: &Path,
    ) -> Result<(Self, Vec<Part>), UpError> {
        let mesh = Mesh::prepare(files::mesh_options(options, compiled)?)?;
        let plan = Plan::new(&options.app, &mesh)?;
        let metrics = Metrics::new(&mesh.compiled(), mesh.addresses());
        let meshed = Self {
            metrics: Arc::new(metrics.map_err(stoa_mesh::MeshError::from)?),
            folder: mesh_folder(&options.state_dir),
            logs: logs_folder(&options.state_dir),
            listeners: plan.listeners,
            destinations: plan.destinations,
            mesh,
        };
        Ok((meshed, plan.parts))
    }

    fn workloads(&self) -> Vec<RunWorkload> {
        let describe = |workload: &Workload| {
            let pod = self.mesh.addresses().pod(workload.ip)?;
            let proxy = match workload.proxy {
                Proxy::Sidecar => Some("sidecar"),
                Proxy::Gateway => Some("gateway"),
                Proxy::None => None,
            };
            Some(RunWorkload {
                name: workload.name(),
                proxy: proxy.map(str::to_owned),
                identity: workload.identity(),
                cluster_ip: workload.ip,
                ip: pod.ip,
                admin: proxy.map(|_| pod.admin()),
                app: (workload.kind == "SpinApp").then(|| pod.app(APP_PORT)),
            })
        };
        let compiled = self.mesh.compiled();
        compiled.workloads.iter().filter_map(describe).collect()
    }
}

impl Placement for Meshed {
    type Parts = Vec<Part>;
    type Loaded = Vec<LoadedPart>;

    fn start(&mut self, reporter: &dyn Reporter) -> Result<(), UpError> {
        reporter.notice(Notice::StartingMesh {
            workloads: self.listeners.len(),
            envoys: self.mesh.compiled().proxies().count(),
        });
        if let Some(scenario) = Scenario::active(&self.folder) {
            reporter.notice(Notice::Scenario {
                name: scenario.name,
            });
        }
        // If the overrides cannot be read, the error is ignored here, because the start of the mesh reports it.
        let overrides = Overrides::read(&self.folder).unwrap_or_default();
        reporter.notice(Notice::Overrides(overrides));
        let logs = AccessLogs::new(&self.logs);
        self.mesh
            .start(&record_access(logs, Arc::clone(&self.metrics)))?;
        Ok(())
    }

    fn load(runtime: &Runtime, parts: Vec<Part>) -> Result<Vec<LoadedPart>, UpError> {
        parts.into_iter().map(|part| part.load(runtime)).collect()
    }

    fn serve(&mut self, loaded: &Vec<LoadedPart>, tasks: &mut Tasks) -> Result<(), UpError> {
        let listeners = std::mem::take(&mut self.listeners);
        for (listener, part) in listeners.into_iter().zip(loaded) {
            serve(listener, &part.loaded, None, tasks)?;
        }
        Ok(())
    }

    async fn ready(&self) -> Result<(), UpError> {
        Ok(self.mesh.ready(READY_DEADLINE).await?)
    }

    fn addresses(&self) -> Result<Addresses, UpError> {
        let gateway = self.mesh.gateway(GATEWAY_PORT).ok_or(UpError::NoGateway)?;
        Ok(Addresses {
            gateway: format!("http://{gateway}"),
            compiled: Some(self.mesh.folder().to_owned()),
            mesh: self.workloads(),
        })
    }

    fn open(
        &mut self,
        listener: TcpListener,
        _: &Vec<LoadedPart>,
        _: Option<&Arc<Document>>,
        tasks: &mut Tasks,
    ) -> Result<Callee, UpError> {
        let operator = Arc::new(Operator::new(
            std::mem::take(&mut self.destinations),
            Arc::clone(&self.metrics),
            self.mesh.scrape_targets(),
        ));
        let listener = tokio::net::TcpListener::from_std(listener).map_err(UpError::Listener)?;
        let serving = Arc::clone(&operator).serve(listener, stopped(tasks.stopping()));
        tasks.add(tokio::spawn(serving));
        Ok(Callee::Mesh(operator))
    }

    async fn close(&self) {
        self.mesh.close_gateways(GRACE_PERIOD).await;
    }

    async fn stop(self) {
        self.mesh.stop().await;
    }
}

/// Returns a function that counts each line of the access logs for the metrics, and writes the line to a file. Of several failed
/// writes, only the first is logged.
fn record_access(logs: AccessLogs, metrics: Arc<Metrics>) -> stoa_mesh::OnAccess {
    let failed = AtomicBool::new(false);
    Arc::new(move |workload, line| {
        metrics.record(workload, line);
        if let Err(error) = logs.write(workload, line)
            && !failed.swap(true, Ordering::Relaxed)
        {
            tracing::error!(%error, "cannot write the Envoys' access logs; further failures are not logged");
        }
    })
}
