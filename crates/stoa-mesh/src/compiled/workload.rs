//! Workloads: the Pods of the manifests.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;

/// A Pod.
#[derive(Debug, Clone, Deserialize)]
pub struct Workload {
    /// The Pod's namespace.
    pub namespace: String,
    /// The Pod's name, such as `reviews-v1-0`.
    pub pod: String,
    /// The Deployment or SpinApp that the Pod belongs to, such as `reviews-v1`.
    pub owner: String,
    /// The kind of the resource that owns the Pod: `SpinApp`, `Deployment` and so on.
    pub kind: String,
    /// The name of the Pod's ServiceAccount, which determines the Pod's identity.
    pub service_account: String,
    /// The Pod's address on a cluster.
    pub ip: Ipv4Addr,
    /// The Pod's labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The Pod's proxy.
    #[serde(default)]
    pub proxy: Proxy,
}

/// The kind of proxy of a Pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proxy {
    /// A sidecar: the Envoy beside the workload.
    Sidecar,
    /// The Pod itself is a gateway: it runs an Envoy, and no application beside the Envoy.
    Gateway,
    /// No proxy.
    #[default]
    #[serde(rename = "")]
    None,
}

impl Workload {
    /// The workload's namespace and the Pod's name, such as `bookinfo/reviews-v1-0`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.pod)
    }

    /// The workload's SPIFFE identity, such as `spiffe://cluster.local/ns/bookinfo/sa/reviews`.
    pub fn identity(&self) -> String {
        format!(
            "spiffe://cluster.local/ns/{}/sa/{}",
            self.namespace, self.service_account
        )
    }
}
