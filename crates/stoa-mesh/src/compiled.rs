//! The output of `istio-compile`: the workloads, and what Istio sends to each proxy.

mod error;
mod service;
mod workload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

pub use error::CompiledError;
pub use service::{Endpoint, Service, ServicePort};
pub use workload::{Proxy, Workload};

/// The list of workloads and Services in a folder of `istio-compile`.
pub(crate) const LIST: &str = "workloads.json";

/// A folder that `istio-compile` wrote.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The folder.
    pub folder: PathBuf,
    /// Every Pod, with or without a proxy, sorted by namespace and name.
    pub workloads: Vec<Workload>,
    /// Every Service.
    pub services: Vec<Service>,
    /// The SpinApps as kustomize rendered them.
    pub spin_apps: Vec<Value>,
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
    /// If the file is missing or malformed.
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

    /// The configuration that the manifests give to each plugin, by the plugin's name (`rate-limit`), with the workloads whose proxies
    /// have it.
    ///
    /// # Errors
    /// If the compiled files cannot be read.
    pub fn plugins(&self) -> Result<BTreeMap<String, (Value, Vec<String>)>, CompiledError> {
        let mut found: BTreeMap<String, (Value, Vec<String>)> = BTreeMap::new();
        for workload in self.proxies() {
            for extension in self.resources(workload)?.extensions {
                let config = extension.pointer("/typed_config/config");
                let text = |path: &str| config.and_then(|c| c.pointer(path)?.as_str());
                let Some(name) = text("/name").map(plugin_name) else {
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

/// The WasmPlugin of an extension: `bookinfo.rate-limit~istio-translated-wasmplugin` belongs to `rate-limit`.
pub(crate) fn plugin_name(extension: &str) -> &str {
    let name = extension.split('~').next().unwrap_or(extension);
    name.split_once('.').map_or(name, |(_, name)| name)
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
