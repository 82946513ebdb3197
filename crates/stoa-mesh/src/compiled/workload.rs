//! Workloads: the Pods of the manifests.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;

/// A Pod.
#[derive(Debug, Clone, Deserialize)]
pub struct Workload {
    /// Its namespace.
    pub namespace: String,
    /// Its name, `reviews-v1-0`.
    pub pod: String,
    /// The Deployment or SpinApp that the Pod belongs to, `reviews-v1`.
    pub owner: String,
    /// `SpinApp`, `Deployment` and so on.
    pub kind: String,
    /// The ServiceAccount, which is the Pod's identity.
    pub service_account: String,
    /// The Pod's address on the cluster.
    pub ip: Ipv4Addr,
    /// Its labels.
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
    /// A proxy beside the workload.
    Sidecar,
    /// The Pod itself is a gateway.
    Gateway,
    /// No proxy.
    #[default]
    #[serde(rename = "")]
    None,
}

impl Workload {
    /// `bookinfo/reviews-v1-0`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.pod)
    }

    /// `spiffe://cluster.local/ns/bookinfo/sa/reviews`.
    pub fn identity(&self) -> String {
        format!(
            "spiffe://cluster.local/ns/{}/sa/{}",
            self.namespace, self.service_account
        )
    }
}
