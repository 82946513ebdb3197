//! Services and the Pods behind them.

use std::net::Ipv4Addr;

use serde::Deserialize;

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
    /// The Pods behind the port.
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
    /// `reviews.bookinfo.svc.cluster.local`.
    pub fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.name, self.namespace)
    }
}
