//! Assigns components to the workloads of a mesh, and finds the addresses at which the workloads are called.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use http::HeaderValue;
use stoa_manifest::{App, RoutePath, SpinApp};
use stoa_mesh::{Compiled, Mesh, Pod, Proxy, Service, Workload};
use stoa_runtime::AppOptions;

use super::files::APP_PORT;
use super::releases::Releases;
use crate::application::AppSource;
use crate::engine::Part;
use crate::error::{ListenerRole, UpError};
use crate::listeners::bind;
use crate::operator::Destinations;

/// The name of the resource that owns the operator's workload. The sidecar of this workload sends an operator's requests into the
/// mesh.
const OPERATOR_WORKLOAD: &str = "operator";

/// Contains the components and the listener of each workload, and the destinations of the operator's requests.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) parts: Vec<Part>,
    /// The listeners of the parts, in the order of `parts`.
    pub(super) listeners: Vec<TcpListener>,
    pub(super) destinations: Destinations,
}

impl Plan {
    pub(super) fn new(source: &AppSource, mesh: &Mesh) -> Result<Self, UpError> {
        let (compiled, releases) = (mesh.compiled(), Releases::beside(&source.manifest)?);
        let operator = compiled
            .workloads
            .iter()
            .find(|w| w.owner == OPERATOR_WORKLOAD);
        let operator = operator.and_then(|w| mesh.addresses().pod(w.ip));
        let mut apps: BTreeMap<(String, String), App> = BTreeMap::new();
        for spin_app in &compiled.spin_apps {
            let spin_app = SpinApp::read(spin_app)?;
            let key = (spin_app.namespace.clone(), spin_app.name.clone());
            apps.insert(key, releases.app(source, spin_app)?);
        }
        let mut plan = Self::default();
        for workload in &compiled.workloads {
            let key = (workload.namespace.clone(), workload.owner.clone());
            let (Some(app), Some(pod)) = (apps.get(&key), mesh.addresses().pod(workload.ip)) else {
                continue;
            };
            plan.add_destinations(workload, app, pod, operator, &compiled);
            plan.parts.push(Part {
                app: app.clone(),
                options: outbound_options(workload, pod, &compiled, mesh),
            });
            let listener = bind(pod.app(APP_PORT), ListenerRole::Workload)?;
            plan.listeners.push(listener);
        }
        Ok(plan)
    }

    /// Adds the routes of a workload to the operator's destinations. A request to a workload that has a sidecar goes through the
    /// operator's sidecar. A request to a workload that has no sidecar goes directly to that workload.
    fn add_destinations(
        &mut self,
        workload: &Workload,
        app: &App,
        pod: &Pod,
        operator: Option<&Pod>,
        compiled: &Compiled,
    ) {
        let service = compiled.services.iter().find(|s| is_endpoint(workload, s));
        let Some(host) = service.and_then(|s| HeaderValue::try_from(s.host()).ok()) else {
            return;
        };
        let address = match (workload.proxy, operator) {
            (Proxy::Sidecar, Some(operator)) => operator.egress(APP_PORT),
            _ => pod.app(APP_PORT),
        };
        for route in &app.routes {
            if let RoutePath::Public(path) = &route.path {
                let destination = (address, host.clone());
                self.destinations.insert(path.clone(), destination);
            }
        }
    }
}

/// True if the workload is an endpoint of the Service.
fn is_endpoint(workload: &Workload, service: &Service) -> bool {
    let mut endpoints = service.ports.iter().flat_map(|port| &port.endpoints);
    service.namespace == workload.namespace && endpoints.any(|e| e.pod == workload.pod)
}

/// The options for a workload's outbound requests. The requests go through the workload's own sidecar. If the workload has no
/// sidecar, its requests go directly to addresses on this machine.
fn outbound_options(
    workload: &Workload,
    pod: &Pod,
    compiled: &Compiled,
    mesh: &Mesh,
) -> AppOptions {
    match workload.proxy {
        Proxy::None => AppOptions {
            hosts: service_addresses(compiled, mesh),
            ..AppOptions::default()
        },
        _ => AppOptions {
            outbound_proxy: Some(pod.egress(APP_PORT)),
            ..AppOptions::default()
        },
    }
}

/// A map with `HOST:PORT` of each port of each Service as the key. The value is the port's address on this machine. A workload that
/// has no sidecar uses these addresses.
fn service_addresses(compiled: &Compiled, mesh: &Mesh) -> BTreeMap<String, SocketAddr> {
    let mut hosts = BTreeMap::new();
    for service in &compiled.services {
        for port in &service.ports {
            let Some(endpoint) = port.endpoints.first() else {
                continue;
            };
            let mut gateways = compiled
                .workloads
                .iter()
                .filter(|w| w.proxy == Proxy::Gateway);
            let address = match gateways.any(|gateway| gateway.ip == endpoint.ip) {
                true => mesh.gateway(endpoint.port),
                false => mesh.addresses().endpoint(endpoint.ip, endpoint.port),
            };
            if let Some(address) = address {
                hosts.insert(format!("{}:{}", service.host(), port.port), address);
            }
        }
    }
    hosts
}
