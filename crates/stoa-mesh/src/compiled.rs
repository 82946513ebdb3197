//! Reads the output of `istio-compile`: the workloads, and the resources that Istio sends to each proxy.

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

/// The name of the file that lists the workloads and Services. The file is in the folder that istio-compile wrote.
pub(crate) const WORKLOADS_FILE: &str = "workloads.json";

/// A folder that `istio-compile` wrote.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The folder.
    pub folder: PathBuf,
    /// Every Pod, with or without a proxy, sorted by namespace and name.
    pub workloads: Vec<Workload>,
    /// Every Service.
    pub services: Vec<Service>,
    /// The SpinApp manifests as kustomize rendered them.
    pub spin_apps: Vec<Value>,
}

/// The resources of one proxy, in one list for each kind of resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Resources {
    pub(crate) listeners: Vec<Value>,
    pub(crate) routes: Vec<Value>,
    pub(crate) clusters: Vec<Value>,
    pub(crate) endpoints: Vec<Value>,
    pub(crate) extensions: Vec<Value>,
}

impl Compiled {
    /// Reads `workloads.json` in the folder `folder`.
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
        let list: List = read(&folder.join(WORKLOADS_FILE))?;
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

    /// Returns a map with the name of each WasmPlugin (such as `rate-limit`) as the key. The value holds the plugin's configuration
    /// in the manifests, and the names of the workloads whose proxies run the plugin.
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
                let parsed =
                    || text("/configuration/value").and_then(|t| serde_json::from_str(t).ok());
                let new = || (parsed().unwrap_or_default(), Vec::new());
                let (_, workloads) = found.entry(name.to_owned()).or_insert_with(new);
                workloads.push(workload.name());
            }
        }
        Ok(found)
    }

    /// The resources that Istio sends to this workload's proxy.
    pub(crate) fn resources(&self, workload: &Workload) -> Result<Resources, CompiledError> {
        #[derive(Deserialize)]
        struct Document {
            resources: Vec<Value>,
        }
        let folder = self.folder.join(&workload.namespace).join(&workload.pod);
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

/// The name of the WasmPlugin from which Istio made an extension. For example, the WasmPlugin of the extension
/// `bookinfo.rate-limit~istio-translated-wasmplugin` is `rate-limit`.
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
