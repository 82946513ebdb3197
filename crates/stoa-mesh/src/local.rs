//! Every change to what Istio made: only what a cluster does otherwise.
//!
//! 1. Addresses: a Pod's address and port become those of this machine (`addresses.rs`); the gateway's port becomes the one that
//!    was asked for. Connections to Pods leave from the caller's own address, as they do where every Pod has one.
//! 2. `ads` and the certificate service of istio-agent become files, which Envoy watches. Each watch is an inotify instance, and a user
//!    may have 128 of them as a rule, for all programs together; so what changes with nothing but the manifests is not watched on its
//!    own: endpoints stand in their cluster, and the authority is given to Envoy at its start.
//! 3. The image of a filter becomes the path of its .wasm (`code.rs`), as istio-agent does after it has fetched one.
//!
//! A filter's configuration is what the manifests say unless it was set on this machine ([`Overrides`]).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::addresses::{Addresses, Pod};
use crate::code::Code;
use crate::compiled::{Proxy, Resources, Workload};

/// Configurations of filters that were set on this machine, by the filter's name (`payment-fault`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(pub BTreeMap<String, Value>);

impl Overrides {
    /// Where they are kept, below the mesh's folder.
    pub(crate) fn file(state_dir: &Path) -> PathBuf {
        state_dir.join("overrides.json")
    }

    /// What was set in the mesh's folder; nothing where it says nothing.
    ///
    /// # Errors
    /// If it cannot be read, or is not as expected.
    pub fn read(state_dir: &Path) -> std::io::Result<Self> {
        match std::fs::read(Self::file(state_dir)) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Keeps them in the mesh's folder. A mesh that runs takes them within a second.
    ///
    /// # Errors
    /// As the system says.
    pub fn write(&self, state_dir: &Path) -> std::io::Result<()> {
        let all = serde_json::to_value(&self.0)?;
        crate::files::put(&Self::file(state_dir), &all).map(|_| ())
    }
}

/// What one proxy's resources are changed by.
pub(crate) struct Local<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) pod: Pod,
    pub(crate) addresses: &'a Addresses,
    /// What a gateway listens on, by the port of its Pod.
    pub(crate) gateway: &'a BTreeMap<u16, SocketAddr>,
    /// Where the files of this proxy are.
    pub(crate) folder: &'a Path,
    /// The filters' .wasm.
    pub(crate) code: &'a Code,
    pub(crate) overrides: &'a Overrides,
    /// The names of the certificates that were asked for.
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
            files.insert(file("rds", name(&routes)), vec![routes]);
        }
        for mut extension in resources.extensions {
            let path = file("ecds", name(&extension));
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
                // Nothing beyond this machine can be reached from a loopback address.
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
        let plugin = plugin(full.unwrap_or_default());
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

    /// Replaces what says where a resource comes from.
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
        let path = self.folder.join(file(kind, name));
        json!({"path_config_source": {"path": path}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"})
    }
}

/// As Istio calls the authorities of the system.
pub(crate) const SYSTEM_ROOTS: &str = "file-root:system";

/// Whether a certificate stays as it is as long as the mesh runs: those of authorities do.
pub(crate) fn is_static(secret: &str) -> bool {
    matches!(secret, "ROOTCA" | SYSTEM_ROOTS)
}

fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    Some(fields.get(name)?.as_str()?.to_owned())
}

/// `shop.payment-fault~istio-translated-wasmplugin` is `payment-fault`.
pub(crate) fn plugin(full: &str) -> &str {
    let name = full.split('~').next().unwrap_or(full);
    name.split_once('.').map_or(name, |(_, name)| name)
}

/// The name of a resource.
fn name(of: &Value) -> &str {
    let name = of.get("name").or_else(|| of.get("cluster_name"));
    name.and_then(Value::as_str).unwrap_or_default()
}

/// A folder for each kind: Envoy looks at all files of a folder in which one is renamed.
pub(crate) fn file(kind: &str, name: &str) -> PathBuf {
    let mut safe = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => safe.push(byte.into()),
            _ => safe.push_str(&format!("%{byte:02x}")),
        }
    }
    Path::new(kind).join(format!("{safe}.json"))
}

/// `oci://registry.example.com/stoa/payment-fault:0.1.0` is `payment_fault.wasm`.
fn module(url: &str) -> String {
    let last = url.rsplit('/').next().unwrap_or(url);
    let name = last.split(['@', ':']).next().unwrap_or(last);
    format!("{}.wasm", name.replace('-', "_"))
}

fn read(address: &Value) -> Option<(Ipv4Addr, u16)> {
    let ip = address.get("address")?.as_str()?.parse().ok()?;
    Some((
        ip,
        u16::try_from(address.get("port_value")?.as_u64()?).ok()?,
    ))
}

fn write(address: &mut Value, here: SocketAddr) {
    insert(address, "address", here.ip().to_string().into());
    insert(address, "port_value", here.port().into());
}

fn insert(into: &mut Value, key: &str, value: Value) {
    if let Value::Object(fields) = into {
        fields.insert(key.to_owned(), value);
    }
}

/// Replaces the port in everything that a connection's destination is matched by.
fn each_port(value: &mut Value, port: u16, here: u16) {
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| each_port(item, port, here)),
        Value::Object(fields) => {
            if fields.get("destination_port") == Some(&port.into()) {
                fields.insert("destination_port".to_owned(), here.into());
            }
            let range = fields.get_mut("destination_port_range");
            if let Some(range) = range.filter(|range| range.get("start") == Some(&port.into())) {
                *range = json!({"start": here, "end": u32::from(here) + 1});
            }
            fields
                .values_mut()
                .for_each(|field| each_port(field, port, here));
        }
        _ => {}
    }
}

/// Replaces every socket address for which there is another.
fn each_address(value: &mut Value, other: &mut impl FnMut(Ipv4Addr, u16) -> Option<SocketAddr>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_address(item, other)),
        Value::Object(fields) => {
            if let Some(address) = fields.get_mut("socket_address")
                && let Some((ip, port)) = read(address)
                && let Some(here) = other(ip, port)
            {
                write(address, here);
            }
            fields
                .values_mut()
                .for_each(|field| each_address(field, other));
        }
        _ => {}
    }
}

#[cfg(test)]
mod outside;
#[cfg(test)]
mod tests;
