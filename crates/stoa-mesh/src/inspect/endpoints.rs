//! Shows the endpoints of an Envoy's clusters.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::envoy::Envoy;
use super::error::InspectError;
use super::table::{Table, or_dash};
use super::value::{items, pretty, text};
use super::view::View;

/// A table of the endpoints of an Envoy's clusters, with the health of each endpoint. `envoys` is the list of all Envoys of the
/// mesh. It supplies the names of the workloads at the endpoints.
///
/// # Errors
/// If the Envoy does not answer.
pub async fn endpoints(
    envoy: &Envoy,
    envoys: &[Envoy],
    view: &View,
) -> Result<String, InspectError> {
    let clusters = envoy.json("/clusters?format=json").await?;
    let names: BTreeMap<IpAddr, &str> = envoys
        .iter()
        .map(|envoy| (envoy.admin.address().ip(), envoy.name.as_str()))
        .collect();
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    for cluster in items(&clusters, "/cluster_statuses") {
        for host in items(cluster, "/host_statuses") {
            let (address, port) = address(host);
            if !view.has_port(port) {
                continue;
            }
            found.push(json!({"cluster": text(cluster, "/name"), "endpoint": host}));
            let workload = address.parse().ok().and_then(|ip: IpAddr| names.get(&ip));
            let workload = workload.copied().unwrap_or_default();
            let name = text(cluster, "/name");
            rows.push((
                address,
                port,
                name,
                status(host),
                outlier_check(host),
                workload,
            ));
        }
    }
    if view.json {
        return Ok(pretty(&found));
    }
    rows.sort();
    let mut table = Table::new(["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER", "WORKLOAD"]);
    for (address, port, cluster, status, outlier, workload) in rows {
        let endpoint = match port {
            0 => address,
            port => format!("{address}:{port}"),
        };
        table.row([
            endpoint,
            status,
            outlier.to_owned(),
            cluster.to_owned(),
            or_dash(workload),
        ]);
    }
    Ok(table.or(&format!("{} has no endpoints", envoy.name)))
}

fn address(host: &Value) -> (String, u64) {
    let address = match text(host, "/address/socket_address/address") {
        "" => format!("unix://{}", text(host, "/address/pipe/path")),
        address => address.to_owned(),
    };
    let port = host.pointer("/address/socket_address/port_value");
    (address, port.and_then(Value::as_u64).unwrap_or(0))
}

fn status(host: &Value) -> String {
    match text(host, "/health_status/eds_health_status") {
        "" => "UNKNOWN".to_owned(),
        status => status.to_owned(),
    }
}

fn outlier_check(host: &Value) -> &'static str {
    match host.pointer("/health_status/failed_outlier_check") {
        Some(Value::Bool(true)) => "FAILED",
        _ => "OK",
    }
}
