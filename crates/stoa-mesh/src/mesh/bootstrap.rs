//! Writes an Envoy's bootstrap.

use std::collections::BTreeSet;
use std::io;

use serde_json::json;

use super::error::{MeshError, failed};
use super::shared::Shared;
use crate::addresses::Pod;
use crate::compiled::Workload;
use crate::envoy::StartOptions;
use crate::files;
use crate::secrets::{SYSTEM_ROOTS, is_static};

impl Shared {
    /// Writes the bootstrap of a workload's Envoy. `secrets` holds the names of all certificates that the Envoy needs. Of these
    /// certificates, the bootstrap contains only the certificates of authorities. Returns the options of the Envoy's process.
    pub(super) fn bootstrap(
        &self,
        workload: &Workload,
        secrets: &BTreeSet<String>,
    ) -> Result<StartOptions, MeshError> {
        let authorities = secrets.iter().filter(|name| is_static(name));
        let authorities = authorities.map(|name| match name.as_str() {
            "ROOTCA" => {
                let certificate = self.authority.certificate();
                files::authority_secret(name, json!({"inline_string": certificate}))
            }
            _ => files::authority_secret(name, json!({"filename": self.options.roots})),
        });
        let authorities: Vec<_> = authorities.collect();
        if secrets.contains(SYSTEM_ROOTS) {
            let roots = self.options.roots.display();
            let what = format!("{roots}, the certificates of public authorities (SSL_CERT_FILE)");
            std::fs::File::open(&self.options.roots).map_err(failed("read", what))?;
        }
        let folder = self.folder(workload);
        let path = folder.join("bootstrap.json");
        let pod = self.addresses.pod(workload.ip);
        let Some(admin) = pod.map(Pod::admin) else {
            let error = io::Error::from(io::ErrorKind::AddrNotAvailable);
            return Err(failed("find an address for", workload.name())(error));
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
        files::write_if_changed(&path, &bootstrap).map_err(failed("write", path.display()))?;
        Ok(StartOptions {
            name: workload.name(),
            program: self.options.envoy.clone(),
            bootstrap: path,
            log: self.log(&workload.name()),
        })
    }
}

/// The name in the field `cluster` of the Envoy's node, such as `ratings.bookinfo`. istio-agent sets the same name.
fn node_cluster(workload: &Workload) -> String {
    let app = workload.labels.get("app").unwrap_or(&workload.owner);
    format!("{app}.{}", workload.namespace)
}
