//! Endpoints that are not Pods: those of a ServiceEntry.

use super::*;
use crate::code::Code;
use crate::compiled::Compiled;

#[test]
fn only_what_is_here_is_called_from_a_loopback_address() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../istio/compiled");
    let compiled = Compiled::read(&folder).expect("`make mesh` writes it");
    let addresses = Addresses::choose(&compiled).expect("loopback addresses");
    let pod = |name: &str| {
        let mut workloads = compiled.workloads.iter();
        workloads.find(|w| w.pod == name).expect("a workload")
    };
    let (order, payment) = (pod("order-v1-0"), pod("payment-v1-0"));
    let local = Local {
        workload: order,
        pod: *addresses.pod(order.ip).expect("an address"),
        addresses: &addresses,
        gateway: &BTreeMap::new(),
        folder: Path::new("/mesh/xds"),
        code: &Code::default(),
        overrides: &Overrides::default(),
        secrets: BTreeSet::new(),
    };
    let from = |ips: &[&str]| {
        let endpoint = |ip: &&str| json!({"endpoint": {"address": {"socket_address": {"address": ip, "port_value": 80}}}});
        let endpoints: Vec<_> = ips.iter().map(endpoint).collect();
        let endpoints = json!({"cluster_name": "x", "endpoints": [{"lb_endpoints": endpoints}]});
        let mut cluster = json!({"name": "x", "type": "EDS", "eds_cluster_config": {}});
        local.cluster(&mut cluster, &BTreeMap::from([("x", &endpoints)]));
        let from = cluster.pointer("/upstream_bind_config/source_address/address")?;
        from.as_str().map(str::to_owned)
    };
    let (own, other) = (local.pod.ip.to_string(), payment.ip.to_string());
    assert_eq!(from(&[&other]), Some(own.clone()));
    assert_eq!(from(&["127.0.0.1"]), Some(own));
    assert_eq!(from(&["203.0.113.5"]), None);
    assert_eq!(from(&[&other, "203.0.113.5"]), None);
}
