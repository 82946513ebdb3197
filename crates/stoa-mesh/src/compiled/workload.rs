//! Workloads: the Pods that the manifests make.

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
    /// The Deployment or SpinApp that it is one of, `reviews-v1`.
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
