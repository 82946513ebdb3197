//! The state that the tasks of a mesh share.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::error::{MeshError, failed};
use super::options::MeshOptions;
use crate::addresses::{Addresses, Pod};
use crate::admin::Admin;
use crate::authority::Authority;
use crate::code::Code;
use crate::compiled::{Compiled, Proxy, Workload};
use crate::files;
use crate::inspect::Envoy;
use crate::local::Overrides;
use crate::scenario::in_force;
use crate::secrets::Secrets;

/// The state of a mesh.
pub(super) struct Shared {
    pub(super) options: MeshOptions,
    pub(super) addresses: Addresses,
    pub(super) compiled: Mutex<Arc<Compiled>>,
    /// The workloads at the start of the mesh.
    pub(super) workloads: Vec<Identified>,
    /// The authorities in the Envoys' bootstraps, once these are written.
    pub(super) bootstrapped: OnceLock<Secrets>,
    pub(super) authority: Authority,
    /// The certificates in use.
    pub(super) secrets: Mutex<Secrets>,
    /// The filters in use.
    pub(super) code: Mutex<Code>,
}

/// A workload's name, its address on a cluster, and the proxy beside it.
pub(super) type Identified = (String, Ipv4Addr, Proxy);

/// Identifies the workloads. If one is new or removed, the mesh must be restarted to apply it.
pub(super) fn identified(compiled: &Compiled) -> Vec<Identified> {
    let workloads = compiled.workloads.iter();
    workloads.map(|w| (w.name(), w.ip, w.proxy)).collect()
}

impl Shared {
    /// Reads the compiled configuration, and chooses addresses.
    pub(super) fn prepare(options: MeshOptions) -> Result<Self, MeshError> {
        let compiled = Compiled::read(&in_force(&options.compiled, &options.state_dir))?;
        let addresses = Addresses::choose(&compiled)?;
        let authority = Authority::new()?;
        Ok(Self {
            options,
            addresses,
            workloads: identified(&compiled),
            bootstrapped: OnceLock::new(),
            compiled: Mutex::new(Arc::new(compiled)),
            authority,
            secrets: Mutex::default(),
            code: Mutex::default(),
        })
    }

    pub(super) fn compiled(&self) -> Arc<Compiled> {
        let compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&compiled)
    }

    pub(super) fn proxies(&self) -> Vec<(Workload, Admin)> {
        let compiled = self.compiled();
        let of = |workload: &Workload| {
            let pod = self.addresses.pod(workload.ip)?;
            Some((workload.clone(), Admin::new(pod.admin())))
        };
        compiled.proxies().filter_map(of).collect()
    }

    pub(super) fn envoys(&self) -> Vec<Envoy> {
        let MeshOptions {
            state_dir, logs, ..
        } = &self.options;
        let of = |(workload, admin): (Workload, Admin)| {
            Envoy::new(&workload.name(), admin, state_dir, logs)
        };
        self.proxies().into_iter().map(of).collect()
    }

    pub(super) fn folder(&self, workload: &Workload) -> PathBuf {
        files::of_proxy(&self.options.state_dir, &workload.name())
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        files::log(&self.options.logs, name)
    }

    pub(super) fn gateway_of(&self, pod: &Pod) -> BTreeMap<u16, SocketAddr> {
        let mut listens = BTreeMap::from([(8080, pod.port(8080)), (8443, pod.port(8443))]);
        listens.extend(&self.options.gateway);
        listens
    }

    pub(super) fn overrides(&self) -> Result<Overrides, MeshError> {
        let folder = &self.options.state_dir;
        Overrides::read(folder).map_err(failed(Overrides::file(folder).display()))
    }

    pub(super) fn in_use(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn code(&self) -> Code {
        let code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        code.clone()
    }
}
