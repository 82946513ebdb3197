//! Above 400 lines: one list of permitted differences, and a comparison of every file of every proxy with it.

use super::*;
use crate::compiled::Compiled;

/// The only ways in which the files may differ from Istio's (`local.rs` has the reasons).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    ListenerAddress,
    ListenerPortInMatch,
    EndpointAddress,
    AppAddress,
    EndpointsInTheirCluster,
    SourceOfConnections,
    CertificateFromFile,
    AuthorityFromStart,
    RoutesFromFile,
    ExtensionFromFile,
    FilterFromFile,
}

const KINDS: [Kind; 11] = [
    Kind::ListenerAddress,
    Kind::ListenerPortInMatch,
    Kind::EndpointAddress,
    Kind::AppAddress,
    Kind::EndpointsInTheirCluster,
    Kind::SourceOfConnections,
    Kind::CertificateFromFile,
    Kind::AuthorityFromStart,
    Kind::RoutesFromFile,
    Kind::ExtensionFromFile,
    Kind::FilterFromFile,
];

/// The values at one path: Istio's, and the local one.
#[derive(Debug)]
struct Difference<'a> {
    /// `/filter_chains/0/filter_chain_match/destination_port`
    path: String,
    istio: Option<&'a Value>,
    local: Option<&'a Value>,
}

/// All differences. A value that is replaced as a whole is one difference.
fn differences<'a>(istio: &'a Value, local: &'a Value) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    compare(String::new(), Some(istio), Some(local), &mut found);
    found
}

fn compare<'a>(
    path: String,
    istio: Option<&'a Value>,
    local: Option<&'a Value>,
    found: &mut Vec<Difference<'a>>,
) {
    let whole = [
        "sds_config",
        "config_source",
        "vm_config/code",
        "destination_port_range",
    ];
    if whole.iter().any(|end| path.ends_with(&format!("/{end}"))) && istio != local {
        found.push(Difference { path, istio, local });
        return;
    }
    match (istio, local) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                compare(format!("{path}/{key}"), a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for at in 0..a.len().max(b.len()) {
                compare(format!("{path}/{at}"), a.get(at), b.get(at), found);
            }
        }
        (istio, local) if istio != local => found.push(Difference { path, istio, local }),
        _ => {}
    }
}

struct Shop {
    compiled: Compiled,
    addresses: Addresses,
    gateway: BTreeMap<u16, SocketAddr>,
    code: Code,
}

impl Shop {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../istio/compiled");
        let compiled = Compiled::read(&folder).expect("`make mesh` writes it");
        let addresses = Addresses::choose(&compiled).expect("loopback addresses");
        let here = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            compiled,
            addresses,
            gateway: BTreeMap::from([(8080, here(18_080)), (8443, here(18_443))]),
            code: Code::built(Path::new("/filters")),
        }
    }

    fn local<'a>(&'a self, workload: &'a Workload, overrides: &'a Overrides) -> Local<'a> {
        Local {
            workload,
            pod: *self.addresses.pod(workload.ip).expect("an address"),
            addresses: &self.addresses,
            gateway: &self.gateway,
            folder: Path::new("/mesh/xds"),
            code: &self.code,
            overrides,
            secrets: BTreeSet::new(),
        }
    }

    /// The kind of a difference in a listener, a cluster or an extension.
    fn kind(&self, workload: &Workload, difference: &Difference<'_>, of: &Value) -> Option<Kind> {
        let pod = self.addresses.pod(workload.ip)?;
        let path = difference.path.as_str();
        let (istio, local) = (difference.istio, difference.local);
        let file = |folder: &str| {
            let path = local?.pointer("/path_config_source/path")?.as_str()?;
            path.starts_with(&format!("/mesh/xds/{folder}/"))
                .then_some(())
        };
        let end = path.rsplit('/').next()?;
        match end {
            "sds_config" if local.is_none() => Some(Kind::AuthorityFromStart),
            "sds_config" => file("sds").map(|()| Kind::CertificateFromFile),
            "config_source" if path.contains("/config_discovery/") => {
                file("ecds").map(|()| Kind::ExtensionFromFile)
            }
            "config_source" if path.contains("/rds/") => file("rds").map(|()| Kind::RoutesFromFile),
            "code" => {
                let name = local?.pointer("/local/filename")?.as_str()?;
                (name.starts_with("/filters/") && name.ends_with(".wasm"))
                    .then_some(Kind::FilterFromFile)
            }
            "type" if path == "/type" => {
                (istio? == "EDS" && local? == "STATIC").then_some(Kind::EndpointsInTheirCluster)
            }
            "eds_cluster_config" if local.is_none() => Some(Kind::EndpointsInTheirCluster),
            "upstream_bind_config" if istio.is_none() => {
                let address = local?.pointer("/source_address/address")?.as_str()?;
                (address == pod.ip.to_string()).then_some(Kind::SourceOfConnections)
            }
            "destination_port" | "destination_port_range" => {
                let listens = of.pointer("/address/socket_address/port_value")?;
                let local = local?.get("start").or(local)?;
                (local == listens).then_some(Kind::ListenerPortInMatch)
            }
            "address" if path.starts_with("/address/socket_address/") => {
                let own = self.gateway.values().map(|here| here.ip().to_string());
                let mut own = own.chain([pod.ip.to_string()]);
                own.any(|own| local == Some(&own.into()))
                    .then_some(Kind::ListenerAddress)
            }
            "port_value" if path.starts_with("/address/socket_address/") => {
                let port = u16::try_from(istio?.as_u64()?).ok()?;
                let own = self.gateway.get(&port).map(SocketAddr::port);
                let own = [
                    own,
                    Some(pod.port(port).port()),
                    Some(pod.egress(port).port()),
                ];
                let local = u16::try_from(local?.as_u64()?).ok();
                own.contains(&local).then_some(Kind::ListenerAddress)
            }
            "address" | "port_value" if path.contains("/endpoint/address/socket_address/") => {
                let inbound = name(of).starts_with("inbound|");
                let as_it_is = match istio?.as_str() {
                    // The Pod's own workload, or the Pod with this cluster address.
                    Some(_) if inbound => local? == &json!(pod.ip.to_string()),
                    Some(ip) => {
                        let other = self.addresses.pod(ip.parse().ok()?)?;
                        local? == &json!(other.ip.to_string())
                    }
                    None => {
                        let port = u16::try_from(istio?.as_u64()?).ok()?;
                        let proxied = [pod.port(port), pod.app(port)].map(|a| json!(a.port()));
                        proxied.contains(local?)
                    }
                };
                let kind = if inbound {
                    Kind::AppAddress
                } else {
                    Kind::EndpointAddress
                };
                as_it_is.then_some(kind)
            }
            _ => None,
        }
    }
}

/// A cluster with its endpoints in it, as Istio sent them.
fn with_endpoints(cluster: &Value, endpoints: &[Value]) -> Value {
    let mut cluster = cluster.clone();
    let service = cluster
        .pointer("/eds_cluster_config/service_name")
        .and_then(Value::as_str);
    let own = endpoints.iter().find(|e| Some(name(e)) == service);
    if cluster.get("type") == Some(&json!("EDS")) {
        let mut own = own
            .cloned()
            .unwrap_or_else(|| json!({"cluster_name": name(&cluster)}));
        own.as_object_mut().expect("an object").remove("@type");
        insert(&mut cluster, "load_assignment", own);
    }
    cluster
}

#[test]
fn what_istio_made_is_changed_in_the_documented_ways_only() {
    let shop = Shop::new();
    let none = Overrides::default();
    let mut seen: BTreeMap<Kind, usize> = BTreeMap::new();
    for workload in shop.compiled.proxies() {
        let istio = shop.compiled.resources(workload).expect("its folder");
        let mut local = shop.local(workload, &none);
        let files = local.files(istio.clone());
        let mut pairs: Vec<(Value, &Value)> = Vec::new();
        let mut left: BTreeSet<_> = files.keys().cloned().collect();
        let mut taken = |path: PathBuf| {
            assert!(left.remove(&path), "{} is missing or twice", path.display());
            files[&path].iter()
        };
        let listeners = taken("lds/listeners.json".into());
        assert_eq!(listeners.len(), istio.listeners.len());
        pairs.extend(istio.listeners.iter().cloned().zip(listeners));
        let clusters = taken("cds/clusters.json".into());
        assert_eq!(clusters.len(), istio.clusters.len());
        let with_endpoints = istio
            .clusters
            .iter()
            .map(|c| with_endpoints(c, &istio.endpoints));
        pairs.extend(with_endpoints.zip(clusters));
        for (folder, resources) in [("rds", &istio.routes), ("ecds", &istio.extensions)] {
            for resource in resources {
                let mut own = taken(of_resource(folder, name(resource)));
                assert_eq!(own.len(), 1);
                pairs.extend(own.next().map(|own| (resource.clone(), own)));
            }
        }
        assert!(left.is_empty(), "files of nothing: {left:?}");
        for (istio, local) in &pairs {
            for difference in differences(istio, local) {
                let kind = shop.kind(workload, &difference, local);
                let at = format!("{} {}", workload.name(), name(istio));
                let kind = kind.unwrap_or_else(|| panic!("{at}: not documented: {difference:#?}"));
                *seen.entry(kind).or_default() += 1;
            }
        }
    }
    println!("{seen:#?}");
    for kind in KINDS {
        assert!(seen.contains_key(&kind), "{kind:?} does not occur any more");
    }
}

#[test]
fn a_difference_that_is_not_documented_is_found() {
    let shop = Shop::new();
    let none = Overrides::default();
    let workload = shop.compiled.proxies().next().expect("a workload");
    let istio = shop.compiled.resources(workload).expect("its folder");
    let mut files = shop.local(workload, &none).files(istio.clone());
    let listener = &mut files
        .get_mut(Path::new("lds/listeners.json"))
        .expect("listeners")[0];
    insert(listener, "per_connection_buffer_limit_bytes", 1.into());
    let found = differences(&istio.listeners[0], listener);
    let unknown = found
        .iter()
        .filter(|d| shop.kind(workload, d, listener).is_none());
    let unknown: Vec<_> = unknown.map(|d| d.path.as_str()).collect();
    assert_eq!(unknown, ["/per_connection_buffer_limit_bytes"]);
}

#[test]
fn every_address_is_one_of_this_machine() {
    let shop = Shop::new();
    let none = Overrides::default();
    for workload in shop.compiled.proxies() {
        let istio = shop.compiled.resources(workload).expect("its folder");
        let files = shop.local(workload, &none).files(istio);
        for path in ["lds/listeners.json", "cds/clusters.json"] {
            for resource in &files[Path::new(path)] {
                each_address(&mut resource.clone(), &mut |ip, port| {
                    assert!(
                        ip.is_loopback(),
                        "{} {}: {ip}:{port}",
                        workload.name(),
                        name(resource)
                    );
                    None
                });
            }
        }
    }
}

#[test]
fn a_gateway_listens_where_it_was_told_to_and_a_sidecar_at_its_pod() {
    let shop = Shop::new();
    let none = Overrides::default();
    let listens = |pod: &str| -> Vec<String> {
        let workload = shop
            .compiled
            .workloads
            .iter()
            .find(|w| w.pod == pod)
            .expect("a workload");
        let istio = shop.compiled.resources(workload).expect("its folder");
        let files = shop.local(workload, &none).files(istio);
        let listeners = files[Path::new("lds/listeners.json")].iter();
        let addresses = listeners.filter_map(|l| read(l.pointer("/address/socket_address")?));
        addresses.map(|(ip, port)| format!("{ip}:{port}")).collect()
    };
    assert_eq!(
        listens("istio-ingressgateway-0"),
        ["127.0.0.1:18080", "127.0.0.1:18443"]
    );
    let payment = shop
        .compiled
        .workloads
        .iter()
        .find(|w| w.pod == "payment-v1-0")
        .expect("payment");
    let pod = shop.addresses.pod(payment.ip).expect("an address");
    assert_eq!(
        listens("payment-v1-0"),
        [pod.port(80).to_string(), pod.egress(80).to_string()]
    );
}

#[test]
fn a_filter_has_the_configuration_that_was_set_here() {
    let shop = Shop::new();
    let own = json!({"decline": {"percent": 30}});
    let overrides = Overrides(BTreeMap::from([("payment-fault".to_owned(), own.clone())]));
    let value = |pod: &str, overrides: &Overrides| {
        let workload = shop
            .compiled
            .workloads
            .iter()
            .find(|w| w.pod == pod)
            .expect("a workload");
        let istio = shop.compiled.resources(workload).expect("its folder");
        let files = shop.local(workload, overrides).files(istio);
        let extension = files
            .iter()
            .find(|(path, _)| path.starts_with("ecds"))
            .expect("a filter");
        let value = extension.1[0]
            .pointer("/typed_config/config/configuration/value")
            .expect("its configuration");
        serde_json::from_str::<Value>(value.as_str().expect("a text")).expect("JSON")
    };
    assert_eq!(value("payment-v1-0", &overrides), own);
    assert_ne!(value("payment-v1-0", &Overrides::default()), own);
    // Another filter keeps its own configuration.
    let gateway = "istio-ingressgateway-0";
    assert_eq!(
        value(gateway, &overrides),
        value(gateway, &Overrides::default())
    );
}

#[test]
fn the_certificates_that_are_asked_for_are_named() {
    let shop = Shop::new();
    let none = Overrides::default();
    let workload = shop
        .compiled
        .workloads
        .iter()
        .find(|w| w.pod == "payment-v1-0")
        .expect("payment");
    let mut local = shop.local(workload, &none);
    local.files(shop.compiled.resources(workload).expect("its folder"));
    let names: Vec<_> = local.secrets.iter().map(String::as_str).collect();
    assert_eq!(names, ["ROOTCA", "default"]);
}

#[test]
fn a_name_becomes_a_file_name_of_its_own() {
    assert_eq!(of_resource("rds", "80"), Path::new("rds/80.json"));
    assert_eq!(
        of_resource("ecds", "a/b~c|d"),
        Path::new("ecds/a%2fb%7ec%7cd.json")
    );
    assert_ne!(of_resource("rds", "a/b"), of_resource("rds", "a%2fb"));
}

#[test]
fn an_image_becomes_the_name_of_its_module() {
    for image in [
        "oci://registry.example.com/stoa/payment-fault:0.1.0",
        "oci://localhost:5000/payment-fault@sha256:00",
        "payment-fault",
    ] {
        assert_eq!(module(image), "payment_fault.wasm");
    }
}
