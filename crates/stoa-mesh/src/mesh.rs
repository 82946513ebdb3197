//! Starts, watches and stops all Envoys of a mesh.
//!
//! - this file: the type [`Mesh`]; `mesh/options.rs`: the mesh's options; `mesh/shared.rs`: the state that the mesh's tasks share;
//!   `mesh/error.rs`: the reasons why a mesh does not start.
//! - `mesh/bootstrap.rs`: an Envoy's bootstrap; `mesh/write.rs`: an Envoy's other files; `mesh/ready.rs`: waits until all Envoys
//!   have applied their files.
//! - `mesh/follow.rs`: applies new configuration and code while the mesh runs; `mesh/applied.rs`: reports whether the Envoys
//!   applied a change.
//! - `mesh/rotate.rs`: renews certificates; `mesh/health.rs`: reports Envoys that hang.
//! - `mesh/close.rs`: closes the gateways before the mesh stops.

mod applied;
mod bootstrap;
mod close;
mod error;
mod follow;
mod health;
mod options;
mod ready;
mod rotate;
mod shared;
mod write;

pub use error::MeshError;
pub use options::MeshOptions;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::addresses::Addresses;
use crate::admin::Admin;
use crate::compiled::{Compiled, Proxy, Workload};
use crate::envoy::{OnLine, Supervised};
use crate::exposition::ScrapeTarget;
use crate::inspect::Envoy;
use error::failed;
use shared::Shared;
use write::FILTERS_FOLDER;

/// A function that is called with every line of the access logs, and with the workload whose Envoy wrote the line.
pub type OnAccess = Arc<dyn Fn(&Workload, &str) + Send + Sync>;

/// A mesh of Envoys on this machine.
pub struct Mesh {
    shared: Arc<Shared>,
    envoys: BTreeMap<String, Supervised>,
    tasks: Vec<JoinHandle<()>>,
}

impl Mesh {
    /// Reads the compiled configuration, and chooses addresses. Does not start any process.
    ///
    /// # Errors
    /// If the configuration cannot be read, or if every loopback network that was tried has a needed port in use.
    pub fn prepare(options: MeshOptions) -> Result<Self, MeshError> {
        let shared = Shared::prepare(options)?;
        Ok(Self {
            shared: Arc::new(shared),
            envoys: BTreeMap::new(),
            tasks: Vec::new(),
        })
    }

    /// The compiled configuration.
    pub fn compiled(&self) -> Arc<Compiled> {
        self.shared.compiled()
    }

    /// The folder of the compiled configuration.
    pub fn folder(&self) -> &Path {
        &self.shared.options.compiled
    }

    /// The addresses of the workloads on this machine.
    pub fn addresses(&self) -> &Addresses {
        &self.shared.addresses
    }

    /// The address on this machine for a port of the gateway's Pod.
    pub fn gateway(&self, port: u16) -> Option<SocketAddr> {
        let compiled = self.compiled();
        let gateway = compiled
            .workloads
            .iter()
            .find(|w| w.proxy == Proxy::Gateway)?;
        let pod = self.shared.addresses.pod(gateway.ip)?;
        self.shared.gateway_addresses(pod).get(&port).copied()
    }

    /// Writes the Envoys' files and starts the Envoys. `on_line` is called with each line of an access log, and with the workload
    /// whose Envoy wrote the line.
    ///
    /// Call this method from a thread that lives as long as the mesh: an Envoy ends with the thread that started it.
    ///
    /// # Errors
    /// If a file cannot be written, or an Envoy process cannot be started.
    pub fn start(&mut self, on_line: &OnAccess) -> Result<(), MeshError> {
        for folder in ["xds", FILTERS_FOLDER] {
            let stale = self.shared.options.state_dir.join(folder);
            match std::fs::remove_dir_all(&stale) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("remove the folder", stale.display())(error));
                }
                _ => {}
            }
        }
        let secrets = self.shared.write()?;
        let secrets = self.shared.bootstrapped.get_or_init(|| secrets);
        let compiled = self.compiled();
        for workload in compiled.proxies() {
            let needed = secrets.get(&workload.name()).cloned().unwrap_or_default();
            let start = self.shared.bootstrap(workload, &needed)?;
            let (owner, on_line) = (workload.clone(), Arc::clone(on_line));
            let on_line: OnLine = Arc::new(move |line| on_line(&owner, line));
            let what = format!("{} for {}", start.program.display(), start.name);
            let envoy = Supervised::start(start, on_line).map_err(failed("start", what))?;
            self.envoys.insert(workload.name(), envoy);
        }
        let shared = Arc::clone(&self.shared);
        self.tasks.push(tokio::spawn(follow::follow(shared)));
        let shared = Arc::clone(&self.shared);
        self.tasks.push(tokio::spawn(rotate::rotate(shared)));
        let shared = Arc::clone(&self.shared);
        self.tasks.push(tokio::spawn(health::watch(shared)));
        Ok(())
    }

    /// Waits until every Envoy has applied its configuration and accepts connections.
    ///
    /// # Errors
    /// If an Envoy is not ready within `limit`, repeatedly ends right after its start, or has rejected a resource.
    pub async fn ready(&self, limit: Duration) -> Result<(), MeshError> {
        ready::wait(&self.shared, &self.envoys, limit).await
    }

    /// Closes the gateways to new connections. Then waits until the gateways' requests in flight have finished, but no longer than
    /// `limit`.
    pub async fn close_gateways(&self, limit: Duration) {
        close::close_gateways(self.proxies(), limit).await;
    }

    /// The process id and the number of restarts of each Envoy, by the name of the Envoy's workload.
    pub fn processes(&self) -> BTreeMap<String, (u32, u32)> {
        let process = |(name, envoy): (&String, &Supervised)| {
            let restarts = envoy.restarts().load(Ordering::Relaxed);
            (name.clone(), (envoy.pid(), restarts))
        };
        self.envoys.iter().map(process).collect()
    }

    /// Every workload with an Envoy, and a client of the Envoy's administration interface.
    pub fn proxies(&self) -> Vec<(Workload, Admin)> {
        self.shared.proxies()
    }

    /// Every started Envoy, from which the metrics page reads statistics ([`crate::exposition()`]).
    pub fn scrape_targets(&self) -> Vec<ScrapeTarget> {
        let target = |(workload, admin): (Workload, Admin)| {
            let restarts = Arc::clone(self.envoys.get(&workload.name())?.restarts());
            Some(ScrapeTarget {
                workload,
                admin,
                restarts,
            })
        };
        self.proxies().into_iter().filter_map(target).collect()
    }

    /// Every Envoy, as the views in [`crate::inspect`] need it.
    pub fn envoys(&self) -> Vec<Envoy> {
        self.shared.envoys()
    }

    /// Stops every Envoy.
    pub async fn stop(self) {
        for task in &self.tasks {
            task.abort();
        }
        let ends: Vec<_> = self.envoys.into_values().map(Supervised::stop).collect();
        let mut ending = tokio::task::JoinSet::new();
        for end in ends {
            ending.spawn(end);
        }
        while ending.join_next().await.is_some() {}
    }
}
