//! What `istio-compile` wrote: which workloads there are, and what Istio sends to each proxy.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// The file in a folder of `istio-compile` that lists what there is.
pub(crate) const LIST: &str = "workloads.json";

/// A folder that `istio-compile` wrote.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The folder.
    pub folder: PathBuf,
    /// Every Pod, with a proxy or without, sorted by namespace and name.
    pub workloads: Vec<Workload>,
    /// Every Service.
    pub services: Vec<Service>,
    /// The SpinApps as kustomize rendered them.
    pub spin_apps: Vec<Value>,
}

/// A Pod.
#[derive(Debug, Clone, Deserialize)]
pub struct Workload {
    /// Its namespace.
    pub namespace: String,
    /// Its name, `cart-v1-0`.
    pub pod: String,
    /// The Deployment or SpinApp that it is one of, `cart-v1`.
    pub owner: String,
    /// `SpinApp`, `Deployment` and so on.
    pub kind: String,
    /// Its identity.
    pub service_account: String,
    /// The address that the manifests' cluster would give it.
    pub ip: Ipv4Addr,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The proxy beside it.
    #[serde(default)]
    pub proxy: Proxy,
}

/// What proxy a Pod has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proxy {
    /// One beside the workload.
    Sidecar,
    /// It is one.
    Gateway,
    /// None.
    #[default]
    #[serde(rename = "")]
    None,
}

/// A Service.
#[derive(Debug, Clone, Deserialize)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its ports.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Debug, Clone, Deserialize)]
pub struct ServicePort {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its number.
    pub port: u16,
    /// The Pods that answer.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

/// A Pod behind a port of a Service.
#[derive(Debug, Clone, Deserialize)]
pub struct Endpoint {
    /// The Pod.
    pub pod: String,
    /// Its address.
    pub ip: Ipv4Addr,
    /// The port of the Pod.
    pub port: u16,
}

impl Service {
    /// `cart.shop.svc.cluster.local`.
    pub fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.name, self.namespace)
    }
}

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CompiledError {
    /// A file is not there, or cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file says something else than expected.
    #[error("{}: {error}: `make mesh` writes it anew", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
}

/// One proxy's resources, a list for each kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Resources {
    pub(crate) listeners: Vec<Value>,
    pub(crate) routes: Vec<Value>,
    pub(crate) clusters: Vec<Value>,
    pub(crate) endpoints: Vec<Value>,
    pub(crate) extensions: Vec<Value>,
}

impl Compiled {
    /// Reads `workloads.json` of a folder.
    ///
    /// # Errors
    /// If it is not there, or is not as expected.
    pub fn read(folder: &Path) -> Result<Self, CompiledError> {
        #[derive(Deserialize)]
        struct List {
            workloads: Vec<Workload>,
            #[serde(default)]
            services: Vec<Service>,
            #[serde(default)]
            spin_apps: Vec<Value>,
        }
        let list: List = read(&folder.join(LIST))?;
        Ok(Self {
            folder: folder.to_owned(),
            workloads: list.workloads,
            services: list.services,
            spin_apps: list.spin_apps,
        })
    }

    /// The workloads that have a proxy.
    pub fn proxies(&self) -> impl Iterator<Item = &Workload> {
        self.workloads.iter().filter(|w| w.proxy != Proxy::None)
    }

    /// The configuration that the manifests give to each plugin, by its name (`payment-fault`), and the workloads whose proxies
    /// have it.
    ///
    /// # Errors
    /// If what was compiled cannot be read.
    pub fn plugins(&self) -> Result<BTreeMap<String, (Value, Vec<String>)>, CompiledError> {
        let mut found: BTreeMap<String, (Value, Vec<String>)> = BTreeMap::new();
        for workload in self.proxies() {
            for extension in self.resources(workload)?.extensions {
                let config = extension.pointer("/typed_config/config");
                let text = |path: &str| config.and_then(|c| c.pointer(path)?.as_str());
                let Some(name) = text("/name").map(crate::local::plugin) else {
                    continue;
                };
                let own =
                    || text("/configuration/value").and_then(|t| serde_json::from_str(t).ok());
                let new = || (own().unwrap_or_default(), Vec::new());
                let (_, workloads) = found.entry(name.to_owned()).or_insert_with(new);
                workloads.push(workload.name());
            }
        }
        Ok(found)
    }

    /// What Istio sends to this workload's proxy.
    pub(crate) fn resources(&self, of: &Workload) -> Result<Resources, CompiledError> {
        #[derive(Deserialize)]
        struct Document {
            resources: Vec<Value>,
        }
        let folder = self.folder.join(&of.namespace).join(&of.pod);
        let kind = |name: &str| read::<Document>(&folder.join(name)).map(|d| d.resources);
        Ok(Resources {
            listeners: kind("listeners.json")?,
            routes: kind("routes.json")?,
            clusters: kind("clusters.json")?,
            endpoints: kind("endpoints.json")?,
            extensions: kind("extensions.json")?,
        })
    }
}

impl Workload {
    /// `shop/cart-v1-0`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.pod)
    }

    /// `spiffe://cluster.local/ns/shop/sa/cart`.
    pub fn identity(&self) -> String {
        format!(
            "spiffe://cluster.local/ns/{}/sa/{}",
            self.namespace, self.service_account
        )
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, CompiledError> {
    let text = std::fs::read(path).map_err(|error| CompiledError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    serde_json::from_slice(&text).map_err(|error| CompiledError::Malformed {
        path: path.to_owned(),
        error,
    })
}
