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
use crate::code::FilterCode;
use crate::compiled::{Compiled, Proxy, Workload};
use crate::files;
use crate::inspect::Envoy;
use crate::local::Overrides;
use crate::scenario::active_compiled_folder;
use crate::secrets::Secrets;

/// The state of a mesh.
pub(super) struct Shared {
    pub(super) options: MeshOptions,
    pub(super) addresses: Addresses,
    pub(super) compiled: Mutex<Arc<Compiled>>,
    /// The workloads that existed when the mesh started.
    pub(super) workloads: Vec<WorkloadKey>,
    /// The names of the certificates that the Envoys needed when their bootstraps were written. Of these certificates, a bootstrap
    /// contains only the certificates of authorities.
    pub(super) bootstrapped: OnceLock<Secrets>,
    pub(super) authority: Authority,
    /// The names of the certificates that the Envoys need now.
    pub(super) secrets: Mutex<Secrets>,
    /// The .wasm files that the Envoys use now.
    pub(super) code: Mutex<FilterCode>,
}

/// A workload's name, its address on a cluster, and its kind of proxy.
pub(super) type WorkloadKey = (String, Ipv4Addr, Proxy);

/// The [`WorkloadKey`] of every workload. If one of these keys changes, the mesh must be restarted.
pub(super) fn workload_keys(compiled: &Compiled) -> Vec<WorkloadKey> {
    let workloads = compiled.workloads.iter();
    workloads.map(|w| (w.name(), w.ip, w.proxy)).collect()
}

impl Shared {
    /// Reads the compiled configuration, and chooses addresses.
    pub(super) fn prepare(options: MeshOptions) -> Result<Self, MeshError> {
        let compiled = Compiled::read(&active_compiled_folder(
            &options.compiled,
            &options.state_dir,
        ))?;
        let addresses = Addresses::choose(&compiled)?;
        let authority = Authority::new()?;
        Ok(Self {
            options,
            addresses,
            workloads: workload_keys(&compiled),
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
        let proxy = |workload: &Workload| {
            let pod = self.addresses.pod(workload.ip)?;
            Some((workload.clone(), Admin::new(pod.admin())))
        };
        compiled.proxies().filter_map(proxy).collect()
    }

    pub(super) fn envoys(&self) -> Vec<Envoy> {
        let MeshOptions {
            state_dir, logs, ..
        } = &self.options;
        let envoy = |(workload, admin): (Workload, Admin)| {
            Envoy::new(&workload.name(), admin, state_dir, logs)
        };
        self.proxies().into_iter().map(envoy).collect()
    }

    pub(super) fn folder(&self, workload: &Workload) -> PathBuf {
        files::proxy_folder(&self.options.state_dir, &workload.name())
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        files::log_file(&self.options.logs, name)
    }

    /// The addresses where the gateway in the Pod `pod` listens on this machine, by the port in the Pod.
    pub(super) fn gateway_addresses(&self, pod: &Pod) -> BTreeMap<u16, SocketAddr> {
        let mut addresses = BTreeMap::from([(8080, pod.port(8080)), (8443, pod.port(8443))]);
        addresses.extend(&self.options.gateway);
        addresses
    }

    pub(super) fn overrides(&self) -> Result<Overrides, MeshError> {
        let folder = &self.options.state_dir;
        Overrides::read(folder).map_err(failed("read", Overrides::file(folder).display()))
    }

    pub(super) fn secrets_in_use(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn code(&self) -> FilterCode {
        let code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        code.clone()
    }
}
