//! Every change to Istio's configuration. Only what differs on a cluster is changed.
//!
//! 1. Addresses: a Pod's address and port become those on this machine (`addresses.rs`); the gateway's port becomes the
//!    chosen one. Connections to Pods leave from the caller's own address, as on a cluster.
//! 2. `ads` and istio-agent's certificate service become files, which Envoy watches. Each watch is an inotify instance, and a user
//!    usually has 128 of them for all programs. So resources that change only with the manifests do not get their own watch:
//!    endpoints are part of their cluster, and Envoy gets the authority at its start.
//! 3. A filter's image becomes the path of its .wasm (`code.rs`), as in istio-agent after it has fetched the image.
//!
//! A filter's configuration is that of the manifests, unless this machine has an override ([`Overrides`]).
//!
//! - this file: one proxy's resources; `local/socket.rs`: addresses and ports in them; `local/overrides.rs`: the overrides.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::addresses::{Addresses, Pod};
use crate::code::Code;
use crate::compiled::{Proxy, Resources, Workload, plugin_name};
use crate::files::of_resource;
use crate::secrets::is_static;
use socket::{each_address, each_port, insert, read, write};

mod overrides;
mod socket;

pub use overrides::Overrides;

/// The input of the changes to one proxy's resources.
pub(crate) struct Local<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) pod: Pod,
    pub(crate) addresses: &'a Addresses,
    /// The gateway's addresses, by the port of its Pod.
    pub(crate) gateway: &'a BTreeMap<u16, SocketAddr>,
    /// The folder of this proxy's files.
    pub(crate) folder: &'a Path,
    /// The filters' .wasm.
    pub(crate) code: &'a Code,
    pub(crate) overrides: &'a Overrides,
    /// The names of the certificates that the resources refer to.
    pub(crate) secrets: BTreeSet<String>,
}

impl Local<'_> {
    /// The files of this proxy: a path below its folder, and the resources in it.
    pub(crate) fn files(&mut self, resources: Resources) -> BTreeMap<PathBuf, Vec<Value>> {
        let mut files = BTreeMap::new();
        let listeners = resources.listeners.into_iter().map(|mut listener| {
            self.listener(&mut listener);
            self.sources(&mut listener);
            listener
        });
        files.insert(PathBuf::from("lds/listeners.json"), listeners.collect());
        let endpoints: BTreeMap<_, _> = resources.endpoints.iter().map(|e| (name(e), e)).collect();
        let clusters = resources.clusters.into_iter().map(|mut cluster| {
            self.cluster(&mut cluster, &endpoints);
            self.sources(&mut cluster);
            cluster
        });
        files.insert(PathBuf::from("cds/clusters.json"), clusters.collect());
        for routes in resources.routes {
            files.insert(of_resource("rds", name(&routes)), vec![routes]);
        }
        for mut extension in resources.extensions {
            let path = of_resource("ecds", name(&extension));
            self.extension(&mut extension);
            self.sources(&mut extension);
            files.insert(path, vec![extension]);
        }
        files
    }

    fn listener(&self, listener: &mut Value) {
        let Some(address) = listener.pointer_mut("/address/socket_address") else {
            return;
        };
        let Some((ip, port)) = read(address) else {
            return;
        };
        let here = match self.workload.proxy {
            Proxy::Gateway => self.gateway.get(&port).copied(),
            _ if ip.is_loopback() => Some(self.pod.egress(port)),
            _ => Some(self.pod.port(port)),
        };
        let Some(here) = here else { return };
        write(address, here);
        for part in ["filter_chains", "listener_filters"] {
            if let Some(part) = listener.get_mut(part) {
                each_port(part, port, here.port());
            }
        }
    }

    fn cluster(&self, cluster: &mut Value, endpoints: &BTreeMap<&str, &Value>) {
        let mut discovered = false;
        if let Value::Object(fields) = cluster
            && let Some(eds) = fields.remove("eds_cluster_config")
        {
            let own = text(fields, "name").unwrap_or_default();
            let service = eds.get("service_name").and_then(Value::as_str);
            let mut assignment = endpoints
                .get(service.unwrap_or(&own))
                .map_or_else(|| json!({"cluster_name": own}), |found| (*found).clone());
            if let Value::Object(assignment) = &mut assignment {
                assignment.remove("@type");
            }
            fields.insert("type".to_owned(), "STATIC".into());
            fields.insert("load_assignment".to_owned(), assignment);
            discovered = true;
        }
        let inbound = name(cluster).starts_with("inbound|");
        if let Some(assignment) = cluster.get_mut("load_assignment") {
            each_address(assignment, &mut |ip, port| {
                let here = match ip.is_loopback() {
                    true => inbound.then(|| self.pod.app(port)),
                    false => self.addresses.endpoint(ip, port),
                };
                // Addresses beyond this machine cannot be reached from a loopback address.
                discovered &= here.is_some() || ip.is_loopback();
                here
            });
        }
        if discovered {
            let source =
                json!({"source_address": {"address": self.pod.ip.to_string(), "port_value": 0}});
            insert(cluster, "upstream_bind_config", source);
        }
    }

    fn extension(&self, extension: &mut Value) {
        let Some(config) = extension.pointer_mut("/typed_config/config") else {
            return;
        };
        let full = config.get("name").and_then(Value::as_str);
        let plugin = plugin_name(full.unwrap_or_default());
        let own = self.overrides.0.get(plugin).map(Value::to_string);
        if let Some(own) = own
            && let Some(value) = config.pointer_mut("/configuration/value")
        {
            *value = own.into();
        }
        if let Some(code) = config.pointer_mut("/vm_config/code")
            && let Some(url) = code.pointer("/remote/http_uri/uri").and_then(Value::as_str)
        {
            let path = self.code.of(&module(url));
            *code = json!({"local": {"filename": path}});
        }
    }

    /// Replaces the config sources of resources.
    fn sources(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.sources(item)),
            Value::Object(fields) => {
                self.source(fields);
                fields.values_mut().for_each(|field| self.sources(field));
            }
            _ => {}
        }
    }

    fn source(&mut self, fields: &mut Map<String, Value>) {
        if fields.contains_key("sds_config") {
            let secret = text(fields, "name").unwrap_or_default();
            if is_static(&secret) {
                fields.remove("sds_config");
            } else {
                fields.insert("sds_config".to_owned(), self.path("sds", &secret));
            }
            self.secrets.insert(secret);
        }
        if fields.contains_key("config_discovery") {
            let path = self.path("ecds", &text(fields, "name").unwrap_or_default());
            if let Some(Value::Object(discovery)) = fields.get_mut("config_discovery") {
                discovery.insert("config_source".to_owned(), path);
            }
        }
        if let Some(routes) = text(fields, "route_config_name")
            && fields.contains_key("config_source")
        {
            fields.insert("config_source".to_owned(), self.path("rds", &routes));
        }
    }

    fn path(&self, kind: &str, name: &str) -> Value {
        let path = self.folder.join(of_resource(kind, name));
        json!({"path_config_source": {"path": path}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"})
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    Some(fields.get(name)?.as_str()?.to_owned())
}

/// The name of a resource.
fn name(of: &Value) -> &str {
    let name = of.get("name").or_else(|| of.get("cluster_name"));
    name.and_then(Value::as_str).unwrap_or_default()
}

/// `oci://registry.example.com/acme/rate-limit:0.1.0` is `rate_limit.wasm`.
fn module(url: &str) -> String {
    let last = url.rsplit('/').next().unwrap_or(url);
    let name = last.split(['@', ':']).next().unwrap_or(last);
    format!("{}.wasm", name.replace('-', "_"))
}

#[cfg(test)]
mod outside;
#[cfg(test)]
mod tests;
