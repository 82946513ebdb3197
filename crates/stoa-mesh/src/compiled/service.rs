//! Services and the Pods behind them.

use std::net::Ipv4Addr;

use serde::Deserialize;

/// A Kubernetes Service.
#[derive(Debug, Clone, Deserialize)]
pub struct Service {
    /// The Service's namespace.
    pub namespace: String,
    /// The Service's name.
    pub name: String,
    /// The Service's ports.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Debug, Clone, Deserialize)]
pub struct ServicePort {
    /// The port's name; may be empty.
    #[serde(default)]
    pub name: String,
    /// The port's number.
    pub port: u16,
    /// The Pods behind the port.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

/// A Pod behind a port of a Service.
#[derive(Debug, Clone, Deserialize)]
pub struct Endpoint {
    /// The Pod's name.
    pub pod: String,
    /// The Pod's address on a cluster.
    pub ip: Ipv4Addr,
    /// The port in the Pod to which Kubernetes connects a caller of the Service's port.
    pub port: u16,
}

impl Service {
    /// The Service's host name, such as `reviews.bookinfo.svc.cluster.local`.
    pub fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.name, self.namespace)
    }
}
