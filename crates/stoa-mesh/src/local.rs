//! Makes every change to Istio's configuration that is needed to run the mesh on this machine. There are three kinds of change:
//!
//! 1. Addresses: a Pod's address and port become an address and a port on this machine (`addresses.rs`). The gateway's port becomes
//!    the port that the mesh's options define. A connection to a Pod has the caller's own address as its source, as on a cluster.
//! 2. Sources: Envoy reads resources from files that it watches. On a cluster, it gets them from istiod (`ads`) and from
//!    istio-agent's certificate service. Each watch is an inotify instance, and a user usually has 128 inotify instances for all
//!    programs. To save watches, two kinds of resources have no file of their own: endpoints are part of their Envoy cluster, and
//!    the certificates of authorities are part of Envoy's bootstrap. Such resources change only if the manifests change.
//! 3. Filters: the URL of a filter's image becomes the path of its .wasm file (`code.rs`). On a cluster, istio-agent also replaces
//!    the URL by a path, after it has pulled the image.
//!
//! A filter has the configuration that the manifests define, unless this machine has an override for the filter ([`Overrides`]).
//!
//! - this file: one proxy's resources; `local/socket.rs`: the addresses and ports in resources; `local/overrides.rs`: the
//!   overrides.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::addresses::{Addresses, Pod};
use crate::code::FilterCode;
use crate::compiled::{Proxy, Resources, Workload, plugin_name};
use crate::files::resource_file;
use crate::secrets::is_static;
use socket::{insert, read_address, replace_addresses, replace_port, write_address};

mod overrides;
mod socket;

pub use overrides::Overrides;

/// Changes one proxy's resources for this machine.
pub(crate) struct Localizer<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) pod: Pod,
    pub(crate) addresses: &'a Addresses,
    /// The addresses where the gateway listens on this machine, by the port in the gateway's Pod.
    pub(crate) gateway: &'a BTreeMap<u16, SocketAddr>,
    /// The folder of this proxy's files.
    pub(crate) folder: &'a Path,
    /// The filters' .wasm files.
    pub(crate) code: &'a FilterCode,
    pub(crate) overrides: &'a Overrides,
    /// The names of the certificates that the resources refer to. [`Localizer::files`] fills this set.
    pub(crate) secrets: BTreeSet<String>,
}

impl Localizer<'_> {
    /// Changes the proxy's resources for this machine. Returns a map with the path of each of the proxy's files, relative to the
    /// proxy's folder, and the file's content.
    pub(crate) fn files(&mut self, resources: Resources) -> BTreeMap<PathBuf, Vec<Value>> {
        let mut files = BTreeMap::new();
        let listeners = resources.listeners.into_iter().map(|mut listener| {
            self.localize_listener(&mut listener);
            self.replace_sources(&mut listener);
            listener
        });
        files.insert(PathBuf::from("lds/listeners.json"), listeners.collect());
        let endpoints: BTreeMap<_, _> = resources
            .endpoints
            .iter()
            .map(|e| (resource_name(e), e))
            .collect();
        let clusters = resources.clusters.into_iter().map(|mut cluster| {
            self.localize_cluster(&mut cluster, &endpoints);
            self.replace_sources(&mut cluster);
            cluster
        });
        files.insert(PathBuf::from("cds/clusters.json"), clusters.collect());
        for routes in resources.routes {
            files.insert(resource_file("rds", resource_name(&routes)), vec![routes]);
        }
        for mut extension in resources.extensions {
            let path = resource_file("ecds", resource_name(&extension));
            self.localize_extension(&mut extension);
            self.replace_sources(&mut extension);
            files.insert(path, vec![extension]);
        }
        files
    }

    /// Replaces the address of a listener. If the listener's conditions on a connection's destination contain the listener's port,
    /// this port is also replaced.
    fn localize_listener(&self, listener: &mut Value) {
        let Some(address) = listener.pointer_mut("/address/socket_address") else {
            return;
        };
        let Some((ip, port)) = read_address(address) else {
            return;
        };
        let local = match self.workload.proxy {
            Proxy::Gateway => self.gateway.get(&port).copied(),
            _ if ip.is_loopback() => Some(self.pod.egress(port)),
            _ => Some(self.pod.port(port)),
        };
        let Some(local) = local else { return };
        write_address(address, local);
        for part in ["filter_chains", "listener_filters"] {
            if let Some(part) = listener.get_mut(part) {
                replace_port(part, port, local.port());
            }
        }
    }

    /// Moves the endpoints of an Envoy cluster into the cluster. Replaces the addresses of the endpoints that are on this machine.
    fn localize_cluster(&self, cluster: &mut Value, endpoints: &BTreeMap<&str, &Value>) {
        // True if Istio discovers the endpoints of this Envoy cluster (EDS), and all these endpoints are on this machine.
        let mut all_local = false;
        if let Value::Object(fields) = cluster
            && let Some(eds) = fields.remove("eds_cluster_config")
        {
            let cluster_name = text(fields, "name").unwrap_or_default();
            let service = eds.get("service_name").and_then(Value::as_str);
            let mut assignment = endpoints.get(service.unwrap_or(&cluster_name)).map_or_else(
                || json!({"cluster_name": cluster_name}),
                |found| (*found).clone(),
            );
            if let Value::Object(assignment) = &mut assignment {
                assignment.remove("@type");
            }
            fields.insert("type".to_owned(), "STATIC".into());
            fields.insert("load_assignment".to_owned(), assignment);
            all_local = true;
        }
        let inbound = resource_name(cluster).starts_with("inbound|");
        if let Some(assignment) = cluster.get_mut("load_assignment") {
            replace_addresses(assignment, &mut |ip, port| {
                let local = match ip.is_loopback() {
                    true => inbound.then(|| self.pod.app(port)),
                    false => self.addresses.endpoint(ip, port),
                };
                all_local &= local.is_some() || ip.is_loopback();
                local
            });
        }
        // A connection from a loopback address cannot reach another machine, so the source address is set only if all endpoints are
        // on this machine.
        if all_local {
            let source =
                json!({"source_address": {"address": self.pod.ip.to_string(), "port_value": 0}});
            insert(cluster, "upstream_bind_config", source);
        }
    }

    /// If a filter has an override, replaces the filter's configuration by the override. Also replaces the URL of the filter's
    /// image by the path of the filter's .wasm file.
    fn localize_extension(&self, extension: &mut Value) {
        let Some(config) = extension.pointer_mut("/typed_config/config") else {
            return;
        };
        let full_name = config.get("name").and_then(Value::as_str);
        let plugin = plugin_name(full_name.unwrap_or_default());
        let overriding = self.overrides.0.get(plugin).map(Value::to_string);
        if let Some(overriding) = overriding
            && let Some(value) = config.pointer_mut("/configuration/value")
        {
            *value = overriding.into();
        }
        if let Some(code) = config.pointer_mut("/vm_config/code")
            && let Some(url) = code.pointer("/remote/http_uri/uri").and_then(Value::as_str)
        {
            let path = self.code.path_of(&module_file(url));
            *code = json!({"local": {"filename": path}});
        }
    }

    /// Replaces every config source in `value`, at any depth, by a config source that reads a file.
    fn replace_sources(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace_sources(item)),
            Value::Object(fields) => {
                self.replace_source(fields);
                fields
                    .values_mut()
                    .for_each(|field| self.replace_sources(field));
            }
            _ => {}
        }
    }

    /// Replaces the config source in one object, if the object contains one.
    fn replace_source(&mut self, fields: &mut Map<String, Value>) {
        if fields.contains_key("sds_config") {
            let secret = text(fields, "name").unwrap_or_default();
            if is_static(&secret) {
                fields.remove("sds_config");
            } else {
                fields.insert("sds_config".to_owned(), self.file_source("sds", &secret));
            }
            self.secrets.insert(secret);
        }
        if fields.contains_key("config_discovery") {
            let source = self.file_source("ecds", &text(fields, "name").unwrap_or_default());
            if let Some(Value::Object(discovery)) = fields.get_mut("config_discovery") {
                discovery.insert("config_source".to_owned(), source);
            }
        }
        if let Some(routes) = text(fields, "route_config_name")
            && fields.contains_key("config_source")
        {
            let source = self.file_source("rds", &routes);
            fields.insert("config_source".to_owned(), source);
        }
    }

    /// The config source for the file of a resource.
    fn file_source(&self, kind: &str, name: &str) -> Value {
        let path = self.folder.join(resource_file(kind, name));
        json!({"path_config_source": {"path": path}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"})
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    Some(fields.get(name)?.as_str()?.to_owned())
}

/// The name of a resource.
fn resource_name(resource: &Value) -> &str {
    let name = resource
        .get("name")
        .or_else(|| resource.get("cluster_name"));
    name.and_then(Value::as_str).unwrap_or_default()
}

/// The name of a filter's .wasm file. For the image `oci://registry.example.com/acme/rate-limit:0.1.0`, this name is
/// `rate_limit.wasm`.
fn module_file(url: &str) -> String {
    let last = url.rsplit('/').next().unwrap_or(url);
    let name = last.split(['@', ':']).next().unwrap_or(last);
    format!("{}.wasm", name.replace('-', "_"))
}

#[cfg(test)]
mod outside_tests;
#[cfg(test)]
mod tests;
