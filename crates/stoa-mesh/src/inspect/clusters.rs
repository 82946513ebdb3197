//! Shows an Envoy's clusters.

use serde_json::Value;

use super::envoy::Envoy;
use super::error::InspectError;
use super::table::{Table, or_dash};
use super::value::{manifest, pretty, text};
use super::view::View;

/// A table of the clusters to which an Envoy can send requests.
///
/// # Errors
/// If the Envoy does not answer.
pub async fn clusters(envoy: &Envoy, view: &View) -> Result<String, InspectError> {
    let dump = envoy.dump().await?;
    let active = dump.list("ClustersConfigDump", "dynamic_active_clusters");
    let all = active.chain(dump.list("ClustersConfigDump", "static_clusters"));
    let all = all.filter_map(|c| c.get("cluster"));
    let mut clusters: Vec<_> = all
        .map(|cluster| (Cluster::from_json(cluster), cluster))
        .collect();
    clusters.retain(|(cluster, _)| {
        let port = cluster.port.parse().unwrap_or(0);
        let fqdn = view.fqdn.as_ref();
        view.has_port(port) && fqdn.is_none_or(|part| cluster.host.contains(part))
    });
    clusters.sort_by(|(one, _), (other, _)| one.cmp(other));
    if view.json {
        let found: Vec<_> = clusters.into_iter().map(|(_, cluster)| cluster).collect();
        return Ok(pretty(&found));
    }
    let mut table = Table::new([
        "SERVICE FQDN",
        "PORT",
        "SUBSET",
        "DIRECTION",
        "TYPE",
        "DESTINATION RULE",
    ]);
    for (cluster, _) in clusters {
        table.row([
            cluster.host,
            or_dash(cluster.port),
            or_dash(cluster.subset),
            or_dash(cluster.direction),
            cluster.kind,
            cluster.rule,
        ]);
    }
    Ok(table.or(&format!("{} has no clusters", envoy.name)))
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Cluster {
    host: String,
    subset: String,
    port: String,
    direction: String,
    kind: String,
    rule: String,
}

impl Cluster {
    /// Reads an Envoy cluster. Its name has four parts, such as `outbound|80|v1|ratings.bookinfo.svc.cluster.local`, or is a plain
    /// name such as `BlackHoleCluster`.
    fn from_json(cluster: &Value) -> Self {
        let name = text(cluster, "/name");
        let parts: Vec<_> = name.split('|').collect();
        let [direction, port, subset, host] = match parts.as_slice() {
            [direction, port, subset, host] => [*direction, *port, *subset, *host],
            _ => ["", "", "", name],
        };
        // The JSON of proto3 omits a field whose value is the first value of the field's enumeration. For the field `type`, the
        // first value is STATIC.
        let kind = match (text(cluster, "/type"), text(cluster, "/cluster_type/name")) {
            ("", "") => "STATIC",
            ("", other) => other,
            (kind, _) => kind,
        };
        Self {
            host: host.to_owned(),
            subset: subset.to_owned(),
            port: port.to_owned(),
            direction: direction.to_owned(),
            kind: kind.to_owned(),
            rule: manifest(cluster),
        }
    }
}
