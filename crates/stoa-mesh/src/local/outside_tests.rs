//! Tests the changes to Envoy clusters whose endpoints are not Pods, for example because a ServiceEntry names a host outside this
//! machine.

use super::*;
use crate::code::FilterCode;
use crate::compiled::Compiled;

#[test]
fn connections_have_a_loopback_source_only_if_all_endpoints_are_on_this_machine() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../istio/compiled");
    let compiled = Compiled::read(&folder).expect("istio/compiled, which `make mesh` writes");
    let addresses = Addresses::choose(&compiled).expect("loopback addresses");
    let pod = |name: &str| {
        let mut workloads = compiled.workloads.iter();
        workloads.find(|w| w.pod == name).expect("a workload")
    };
    let (order, payment) = (pod("order-v1-0"), pod("payment-v1-0"));
    let localizer = Localizer {
        workload: order,
        pod: *addresses.pod(order.ip).expect("an address"),
        addresses: &addresses,
        gateway: &BTreeMap::new(),
        folder: Path::new("/mesh/xds"),
        code: &FilterCode::default(),
        overrides: &Overrides::default(),
        secrets: BTreeSet::new(),
    };
    let source = |ips: &[&str]| {
        let endpoint = |ip: &&str| json!({"endpoint": {"address": {"socket_address": {"address": ip, "port_value": 80}}}});
        let endpoints: Vec<_> = ips.iter().map(endpoint).collect();
        let endpoints = json!({"cluster_name": "x", "endpoints": [{"lb_endpoints": endpoints}]});
        let mut cluster = json!({"name": "x", "type": "EDS", "eds_cluster_config": {}});
        localizer.localize_cluster(&mut cluster, &BTreeMap::from([("x", &endpoints)]));
        let address = cluster.pointer("/upstream_bind_config/source_address/address")?;
        address.as_str().map(str::to_owned)
    };
    let (own, other) = (localizer.pod.ip.to_string(), payment.ip.to_string());
    assert_eq!(source(&[&other]), Some(own.clone()));
    assert_eq!(source(&["127.0.0.1"]), Some(own));
    assert_eq!(source(&["203.0.113.5"]), None);
    assert_eq!(source(&[&other, "203.0.113.5"]), None);
}
