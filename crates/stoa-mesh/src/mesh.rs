//! All Envoys of a mesh: started, watched, stopped.
//!
//! - this file: a mesh; `mesh/options.rs`: its options; `mesh/shared.rs`: the state its tasks share; `mesh/error.rs`: why it does not start.
//! - `mesh/bootstrap.rs`: an Envoy's bootstrap; `mesh/write.rs`: its other files; `mesh/ready.rs`: waits until it has applied them.
//! - `mesh/follow.rs`: new configuration and code while the mesh runs; `mesh/applied.rs`: whether the Envoys applied them;
//!   `mesh/rotate.rs`: new certificates; `mesh/health.rs`: Envoys that hang.
//! - `mesh/close.rs`: closes the gateways before anything stops.

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
use write::FILTERS;

/// Called with every line of the access logs, and the workload of the Envoy that wrote it.
pub type OnAccess = Arc<dyn Fn(&Workload, &str) + Send + Sync>;

/// A mesh.
pub struct Mesh {
    shared: Arc<Shared>,
    envoys: BTreeMap<String, Supervised>,
    tasks: Vec<JoinHandle<()>>,
}

impl Mesh {
    /// Reads the compiled configuration, and chooses addresses. Nothing is started yet.
    ///
    /// # Errors
    /// If the configuration cannot be read, or no addresses are free.
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

    /// The addresses.
    pub fn addresses(&self) -> &Addresses {
        &self.shared.addresses
    }

    /// The address on this machine of a port of the gateway's Pod.
    pub fn gateway(&self, port: u16) -> Option<SocketAddr> {
        let compiled = self.compiled();
        let gateway = compiled
            .workloads
            .iter()
            .find(|w| w.proxy == Proxy::Gateway)?;
        let pod = self.shared.addresses.pod(gateway.ip)?;
        self.shared.gateway_of(pod).get(&port).copied()
    }

    /// Writes the Envoys' files and starts them. `on_line` is called with the workload and a line of its access log.
    ///
    /// Call it from a thread that lives as long as the mesh: an Envoy ends with the thread that started it.
    ///
    /// # Errors
    /// If files cannot be written, or an Envoy does not start.
    pub fn start(&mut self, on_line: &OnAccess) -> Result<(), MeshError> {
        for old in ["xds", FILTERS] {
            let old = self.shared.options.state_dir.join(old);
            match std::fs::remove_dir_all(&old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(old.display())(error));
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
            let (own, on_line) = (workload.clone(), Arc::clone(on_line));
            let on_line: OnLine = Arc::new(move |line| on_line(&own, line));
            let what = format!("{}, for {}", start.program.display(), start.name);
            let envoy = Supervised::start(start, on_line).map_err(failed(what))?;
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

    /// Waits until every Envoy has its configuration and listens, and has rejected nothing.
    ///
    /// # Errors
    /// If an Envoy is not ready in time, ends right after its start, or has rejected a resource.
    pub async fn ready(&self, limit: Duration) -> Result<(), MeshError> {
        ready::wait(&self.shared, &self.envoys, limit).await
    }

    /// Closes the gateways to new connections. Waits for the responses to requests in flight there, up to `limit`.
    pub async fn close_gateways(&self, limit: Duration) {
        close::close_gateways(self.proxies(), limit).await;
    }

    /// Process id and number of restarts, by the workload's name.
    pub fn processes(&self) -> BTreeMap<String, (u32, u32)> {
        let of = |(name, envoy): (&String, &Supervised)| {
            let restarts = envoy.restarts().load(Ordering::Relaxed);
            (name.clone(), (envoy.pid(), restarts))
        };
        self.envoys.iter().map(of).collect()
    }

    /// Every workload with an Envoy, and that Envoy's administration.
    pub fn proxies(&self) -> Vec<(Workload, Admin)> {
        self.shared.proxies()
    }

    /// Every started Envoy, for the metrics page ([`crate::exposition()`]).
    pub fn scrape_targets(&self) -> Vec<ScrapeTarget> {
        let of = |(workload, admin): (Workload, Admin)| {
            let restarts = Arc::clone(self.envoys.get(&workload.name())?.restarts());
            Some(ScrapeTarget {
                workload,
                admin,
                restarts,
            })
        };
        self.proxies().into_iter().filter_map(of).collect()
    }

    /// Every Envoy, for [`crate::inspect`].
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
