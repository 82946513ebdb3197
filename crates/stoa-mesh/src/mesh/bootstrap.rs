//! An Envoy's bootstrap.

use std::collections::BTreeSet;
use std::io;

use serde_json::json;

use super::error::{MeshError, failed};
use super::shared::Shared;
use crate::addresses::Pod;
use crate::compiled::Workload;
use crate::envoy::Start;
use crate::files;
use crate::secrets::{SYSTEM_ROOTS, is_static};

impl Shared {
    /// Writes the bootstrap of a workload's Envoy, with the authorities among these certificates.
    pub(super) fn bootstrap(
        &self,
        workload: &Workload,
        secrets: &BTreeSet<String>,
    ) -> Result<Start, MeshError> {
        let authorities = secrets.iter().filter(|name| is_static(name));
        let authorities = authorities.map(|name| match name.as_str() {
            "ROOTCA" => {
                let own = self.authority.certificate();
                files::authority(name, json!({"inline_string": own}))
            }
            _ => files::authority(name, json!({"filename": self.options.roots})),
        });
        let authorities: Vec<_> = authorities.collect();
        if secrets.contains(SYSTEM_ROOTS) {
            let roots = self.options.roots.display();
            let what = format!("{roots}, the authorities of third parties (SSL_CERT_FILE)");
            std::fs::File::open(&self.options.roots).map_err(failed(what))?;
        }
        let folder = self.folder(workload);
        let path = folder.join("bootstrap.json");
        let pod = self.addresses.pod(workload.ip);
        let Some(admin) = pod.map(Pod::admin) else {
            let error = io::Error::from(io::ErrorKind::AddrNotAvailable);
            return Err(failed(workload.name())(error));
        };
        let source = |file: &str| json!({"path_config_source": {"path": folder.join(file)}, "resource_api_version": "V3"});
        let bootstrap = json!({
            "node": {"id": workload.name(), "cluster": node_cluster(workload), "metadata": {
                "NAMESPACE": workload.namespace, "WORKLOAD_NAME": workload.owner, "LABELS": workload.labels,
            }},
            "admin": {"address": {"socket_address": {"address": admin.ip().to_string(), "port_value": admin.port()}}},
            "static_resources": {"secrets": authorities},
            "stats_config": crate::stats::config(),
            "dynamic_resources": {
                "lds_config": source("lds/listeners.json"),
                "cds_config": source("cds/clusters.json"),
            },
        });
        files::put(&path, &bootstrap).map_err(failed(path.display()))?;
        Ok(Start {
            name: workload.name(),
            program: self.options.envoy.clone(),
            bootstrap: path,
            log: self.log(&workload.name()),
        })
    }
}

/// The cluster name of the node, as istio-agent sets it: `ratings.bookinfo`.
fn node_cluster(workload: &Workload) -> String {
    let app = workload.labels.get("app").unwrap_or(&workload.owner);
    format!("{app}.{}", workload.namespace)
}
