//! Compares every file of every proxy with Istio's output, and permits only the documented differences. The file has more than 400
//! lines because it contains the whole list of these differences.

use super::*;
use crate::compiled::Compiled;

/// The permitted kinds of differences between Istio's output and an Envoy's files. `local.rs` states the reasons for these
/// differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DifferenceKind {
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

const KINDS: [DifferenceKind; 11] = [
    DifferenceKind::ListenerAddress,
    DifferenceKind::ListenerPortInMatch,
    DifferenceKind::EndpointAddress,
    DifferenceKind::AppAddress,
    DifferenceKind::EndpointsInTheirCluster,
    DifferenceKind::SourceOfConnections,
    DifferenceKind::CertificateFromFile,
    DifferenceKind::AuthorityFromStart,
    DifferenceKind::RoutesFromFile,
    DifferenceKind::ExtensionFromFile,
    DifferenceKind::FilterFromFile,
];

/// A difference between a resource in Istio's output and the same resource in an Envoy's files. At `path`, the first resource has
/// the value `istio`, and the second resource has the value `local`.
#[derive(Debug)]
struct Difference<'a> {
    /// The path, such as `/filter_chains/0/filter_chain_match/destination_port`.
    path: String,
    istio: Option<&'a Value>,
    local: Option<&'a Value>,
}

/// All differences between two resources. A difference in a field that is always replaced as a whole counts as one difference.
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
    let replaced_as_a_whole = [
        "sds_config",
        "config_source",
        "vm_config/code",
        "destination_port_range",
    ];
    if replaced_as_a_whole
        .iter()
        .any(|end| path.ends_with(&format!("/{end}")))
        && istio != local
    {
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
            for index in 0..a.len().max(b.len()) {
                compare(format!("{path}/{index}"), a.get(index), b.get(index), found);
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
    code: FilterCode,
}

impl Shop {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../istio/compiled");
        let compiled = Compiled::read(&folder).expect("istio/compiled, which `make mesh` writes");
        let addresses = Addresses::choose(&compiled).expect("loopback addresses");
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            compiled,
            addresses,
            gateway: BTreeMap::from([(8080, loopback(18_080)), (8443, loopback(18_443))]),
            code: FilterCode::without_copies(Path::new("/filters")),
        }
    }

    fn localizer<'a>(&'a self, workload: &'a Workload, overrides: &'a Overrides) -> Localizer<'a> {
        Localizer {
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

    /// The kind of the difference `difference` in a listener, an Envoy cluster or an extension. `None` if the difference is not
    /// permitted.
    fn kind(
        &self,
        workload: &Workload,
        difference: &Difference<'_>,
        resource: &Value,
    ) -> Option<DifferenceKind> {
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
            "sds_config" if local.is_none() => Some(DifferenceKind::AuthorityFromStart),
            "sds_config" => file("sds").map(|()| DifferenceKind::CertificateFromFile),
            "config_source" if path.contains("/config_discovery/") => {
                file("ecds").map(|()| DifferenceKind::ExtensionFromFile)
            }
            "config_source" if path.contains("/rds/") => {
                file("rds").map(|()| DifferenceKind::RoutesFromFile)
            }
            "code" => {
                let name = local?.pointer("/local/filename")?.as_str()?;
                (name.starts_with("/filters/") && name.ends_with(".wasm"))
                    .then_some(DifferenceKind::FilterFromFile)
            }
            "type" if path == "/type" => (istio? == "EDS" && local? == "STATIC")
                .then_some(DifferenceKind::EndpointsInTheirCluster),
            "eds_cluster_config" if local.is_none() => {
                Some(DifferenceKind::EndpointsInTheirCluster)
            }
            "upstream_bind_config" if istio.is_none() => {
                let address = local?.pointer("/source_address/address")?.as_str()?;
                (address == pod.ip.to_string()).then_some(DifferenceKind::SourceOfConnections)
            }
            "destination_port" | "destination_port_range" => {
                let listener_port = resource.pointer("/address/socket_address/port_value")?;
                let local = local?.get("start").or(local)?;
                (local == listener_port).then_some(DifferenceKind::ListenerPortInMatch)
            }
            "address" if path.starts_with("/address/socket_address/") => {
                let gateway = self
                    .gateway
                    .values()
                    .map(|address| address.ip().to_string());
                let mut permitted = gateway.chain([pod.ip.to_string()]);
                permitted
                    .any(|ip| local == Some(&ip.into()))
                    .then_some(DifferenceKind::ListenerAddress)
            }
            "port_value" if path.starts_with("/address/socket_address/") => {
                let port = u16::try_from(istio?.as_u64()?).ok()?;
                let gateway = self.gateway.get(&port).map(SocketAddr::port);
                let permitted = [
                    gateway,
                    Some(pod.port(port).port()),
                    Some(pod.egress(port).port()),
                ];
                let local = u16::try_from(local?.as_u64()?).ok();
                permitted
                    .contains(&local)
                    .then_some(DifferenceKind::ListenerAddress)
            }
            "address" | "port_value" if path.contains("/endpoint/address/socket_address/") => {
                let inbound = resource_name(resource).starts_with("inbound|");
                let is_permitted = match istio?.as_str() {
                    // The endpoint of an inbound Envoy cluster is the proxy's own workload. The endpoint of another Envoy cluster
                    // is the Pod that has the address `ip` on a Kubernetes cluster.
                    Some(_) if inbound => local? == &json!(pod.ip.to_string()),
                    Some(ip) => {
                        let other = self.addresses.pod(ip.parse().ok()?)?;
                        local? == &json!(other.ip.to_string())
                    }
                    None => {
                        let port = u16::try_from(istio?.as_u64()?).ok()?;
                        let permitted = [pod.port(port), pod.app(port)].map(|a| json!(a.port()));
                        permitted.contains(local?)
                    }
                };
                let kind = if inbound {
                    DifferenceKind::AppAddress
                } else {
                    DifferenceKind::EndpointAddress
                };
                is_permitted.then_some(kind)
            }
            _ => None,
        }
    }
}

/// An Envoy cluster that contains its endpoints. `cluster` and `endpoints` are separate resources in Istio's output.
fn with_endpoints(cluster: &Value, endpoints: &[Value]) -> Value {
    let mut cluster = cluster.clone();
    let service = cluster
        .pointer("/eds_cluster_config/service_name")
        .and_then(Value::as_str);
    let assignment = endpoints.iter().find(|e| Some(resource_name(e)) == service);
    if cluster.get("type") == Some(&json!("EDS")) {
        let mut assignment = assignment
            .cloned()
            .unwrap_or_else(|| json!({"cluster_name": resource_name(&cluster)}));
        let fields = assignment.as_object_mut().expect("an object");
        fields.remove("@type");
        insert(&mut cluster, "load_assignment", assignment);
    }
    cluster
}

#[test]
fn istios_output_is_changed_only_in_the_documented_ways() {
    let shop = Shop::new();
    let none = Overrides::default();
    let mut counts: BTreeMap<DifferenceKind, usize> = BTreeMap::new();
    for workload in shop.compiled.proxies() {
        let istio = shop.compiled.resources(workload).expect("its folder");
        let mut localizer = shop.localizer(workload, &none);
        let files = localizer.files(istio.clone());
        let mut pairs: Vec<(Value, &Value)> = Vec::new();
        let mut remaining: BTreeSet<_> = files.keys().cloned().collect();
        let mut take = |path: PathBuf| {
            assert!(
                remaining.remove(&path),
                "the file {} is missing, or two resources are written to it",
                path.display()
            );
            files[&path].iter()
        };
        let listeners = take("lds/listeners.json".into());
        assert_eq!(listeners.len(), istio.listeners.len());
        pairs.extend(istio.listeners.iter().cloned().zip(listeners));
        let clusters = take("cds/clusters.json".into());
        assert_eq!(clusters.len(), istio.clusters.len());
        let with_endpoints = istio
            .clusters
            .iter()
            .map(|c| with_endpoints(c, &istio.endpoints));
        pairs.extend(with_endpoints.zip(clusters));
        for (folder, resources) in [("rds", &istio.routes), ("ecds", &istio.extensions)] {
            for resource in resources {
                let mut local = take(resource_file(folder, resource_name(resource)));
                assert_eq!(local.len(), 1);
                pairs.extend(local.next().map(|local| (resource.clone(), local)));
            }
        }
        assert!(
            remaining.is_empty(),
            "files for which Istio's output contains no resource: {remaining:?}"
        );
        for (istio, local) in &pairs {
            for difference in differences(istio, local) {
                let kind = shop.kind(workload, &difference, local);
                let resource = format!("{} {}", workload.name(), resource_name(istio));
                let kind = kind.unwrap_or_else(|| {
                    panic!("{resource}: a difference that is not documented: {difference:#?}")
                });
                *counts.entry(kind).or_default() += 1;
            }
        }
    }
    println!("{counts:#?}");
    for kind in KINDS {
        assert!(
            counts.contains_key(&kind),
            "no difference of the kind {kind:?} was found"
        );
    }
}

#[test]
fn a_difference_that_is_not_documented_is_found() {
    let shop = Shop::new();
    let none = Overrides::default();
    let workload = shop.compiled.proxies().next().expect("a workload");
    let istio = shop.compiled.resources(workload).expect("its folder");
    let mut files = shop.localizer(workload, &none).files(istio.clone());
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
fn every_address_is_on_this_machine() {
    let shop = Shop::new();
    let none = Overrides::default();
    for workload in shop.compiled.proxies() {
        let istio = shop.compiled.resources(workload).expect("its folder");
        let files = shop.localizer(workload, &none).files(istio);
        for path in ["lds/listeners.json", "cds/clusters.json"] {
            for resource in &files[Path::new(path)] {
                replace_addresses(&mut resource.clone(), &mut |ip, port| {
                    assert!(
                        ip.is_loopback(),
                        "{} {}: {ip}:{port}",
                        workload.name(),
                        resource_name(resource)
                    );
                    None
                });
            }
        }
    }
}

#[test]
fn a_gateway_listens_at_its_chosen_addresses_and_a_sidecar_at_its_pods_address() {
    let shop = Shop::new();
    let none = Overrides::default();
    let listener_addresses = |pod: &str| -> Vec<String> {
        let workload = shop
            .compiled
            .workloads
            .iter()
            .find(|w| w.pod == pod)
            .expect("a workload");
        let istio = shop.compiled.resources(workload).expect("its folder");
        let files = shop.localizer(workload, &none).files(istio);
        let listeners = files[Path::new("lds/listeners.json")].iter();
        let addresses =
            listeners.filter_map(|l| read_address(l.pointer("/address/socket_address")?));
        addresses.map(|(ip, port)| format!("{ip}:{port}")).collect()
    };
    assert_eq!(
        listener_addresses("istio-ingressgateway-0"),
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
        listener_addresses("payment-v1-0"),
        [pod.port(80).to_string(), pod.egress(80).to_string()]
    );
}

#[test]
fn an_override_replaces_a_filters_configuration() {
    let shop = Shop::new();
    let overriding = json!({"decline": {"percent": 30}});
    let overrides = Overrides(BTreeMap::from([(
        "payment-fault".to_owned(),
        overriding.clone(),
    )]));
    let value = |pod: &str, overrides: &Overrides| {
        let workload = shop
            .compiled
            .workloads
            .iter()
            .find(|w| w.pod == pod)
            .expect("a workload");
        let istio = shop.compiled.resources(workload).expect("its folder");
        let files = shop.localizer(workload, overrides).files(istio);
        let extension = files
            .iter()
            .find(|(path, _)| path.starts_with("ecds"))
            .expect("a filter");
        let value = extension.1[0]
            .pointer("/typed_config/config/configuration/value")
            .expect("its configuration");
        serde_json::from_str::<Value>(value.as_str().expect("a text")).expect("JSON")
    };
    assert_eq!(value("payment-v1-0", &overrides), overriding);
    assert_ne!(value("payment-v1-0", &Overrides::default()), overriding);
    // The override does not change the configuration of another filter.
    let gateway = "istio-ingressgateway-0";
    assert_eq!(
        value(gateway, &overrides),
        value(gateway, &Overrides::default())
    );
}

#[test]
fn the_names_of_the_needed_certificates_are_collected() {
    let shop = Shop::new();
    let none = Overrides::default();
    let workload = shop
        .compiled
        .workloads
        .iter()
        .find(|w| w.pod == "payment-v1-0")
        .expect("payment");
    let mut localizer = shop.localizer(workload, &none);
    localizer.files(shop.compiled.resources(workload).expect("its folder"));
    let names: Vec<_> = localizer.secrets.iter().map(String::as_str).collect();
    assert_eq!(names, ["ROOTCA", "default"]);
}

#[test]
fn two_resource_names_never_have_the_same_file_name() {
    assert_eq!(resource_file("rds", "80"), Path::new("rds/80.json"));
    assert_eq!(
        resource_file("ecds", "a/b~c|d"),
        Path::new("ecds/a%2fb%7ec%7cd.json")
    );
    assert_ne!(resource_file("rds", "a/b"), resource_file("rds", "a%2fb"));
}

#[test]
fn an_image_is_mapped_to_its_wasm_file() {
    for image in [
        "oci://registry.example.com/stoa/payment-fault:0.1.0",
        "oci://localhost:5000/payment-fault@sha256:00",
        "payment-fault",
    ] {
        assert_eq!(module_file(image), "payment_fault.wasm");
    }
}
