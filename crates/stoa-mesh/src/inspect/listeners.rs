//! Shows the addresses where an Envoy listens, and the destinations to which it sends the traffic that arrives there.

use serde_json::Value;

use super::envoy::Envoy;
use super::error::InspectError;
use super::matchers::path_match;
use super::table::Table;
use super::value::{items, pretty, text, texts};
use super::view::View;

const HTTP_FILTER: &str = "envoy.filters.network.http_connection_manager";
const TCP_FILTER: &str = "envoy.filters.network.tcp_proxy";

/// A table of an Envoy's listeners.
///
/// # Errors
/// If the Envoy does not answer.
pub async fn listeners(envoy: &Envoy, view: &View) -> Result<String, InspectError> {
    let dump = envoy.dump().await?;
    let port = |listener: &Value| {
        let port = listener.pointer("/address/socket_address/port_value");
        port.and_then(Value::as_u64).unwrap_or(0)
    };
    let found: Vec<_> = dump
        .listeners()
        .filter(|l| view.has_port(port(l)))
        .collect();
    if view.json {
        return Ok(pretty(&found));
    }
    let mut rows = Vec::new();
    for listener in found {
        let port = port(listener);
        let address = text(listener, "/address/socket_address/address");
        let default = listener.get("default_filter_chain");
        for chain in items(listener, "/filter_chains").chain(default) {
            rows.push((port, address, match_text(chain), destination(chain)));
        }
    }
    rows.sort();
    let mut table = Table::new(["ADDRESSES", "PORT", "MATCH", "DESTINATION"]);
    for (port, address, matches, destination) in rows {
        table.row([address.to_owned(), port.to_string(), matches, destination]);
    }
    Ok(table.or(&format!("{} has no listeners", envoy.name)))
}

/// The conditions that a connection must match so that a filter chain handles it, as text.
fn match_text(chain: &Value) -> String {
    let mut parts = Vec::new();
    let names = texts(chain, "/filter_chain_match/server_names");
    if !names.is_empty() {
        parts.push(format!("SNI: {}", names.join(",")));
    }
    match text(chain, "/filter_chain_match/transport_protocol") {
        "" => {}
        protocol => parts.push(format!("Trans: {protocol}")),
    }
    let protocols = texts(chain, "/filter_chain_match/application_protocols");
    if !protocols.is_empty() {
        parts.push(format!("App: {}", protocols.join(",")));
    }
    let port = chain.pointer("/filter_chain_match/destination_port");
    let port = port.and_then(Value::as_u64).map(|port| format!(":{port}"));
    let ranges = items(chain, "/filter_chain_match/prefix_ranges").map(|range| {
        let length = range.get("prefix_len").and_then(Value::as_u64);
        format!("{}/{}", text(range, "/address_prefix"), length.unwrap_or(0))
    });
    let ranges: Vec<_> = ranges.collect();
    match (ranges.is_empty(), port) {
        (true, None) => {}
        (true, Some(port)) => parts.push(format!("Addr: *{port}")),
        (false, port) => parts.push(format!(
            "Addr: {}{}",
            ranges.join(","),
            port.unwrap_or_default()
        )),
    }
    match parts.as_slice() {
        [] => "ALL".to_owned(),
        parts => parts.join("; "),
    }
}

/// The destination to which a filter chain sends traffic, as text.
fn destination(chain: &Value) -> String {
    for filter in items(chain, "/filters") {
        let cluster = text(filter, "/typed_config/cluster");
        match text(filter, "/name") {
            HTTP_FILTER => return http_destination(filter),
            TCP_FILTER if cluster == "BlackHoleCluster" => {}
            TCP_FILTER => return cluster_text(cluster),
            _ => {}
        }
    }
    "Non-HTTP/Non-TCP".to_owned()
}

fn http_destination(filter: &Value) -> String {
    match text(filter, "/typed_config/rds/route_config_name") {
        "" => {}
        name => return format!("Route: {name}"),
    }
    let hosts: Vec<_> = items(filter, "/typed_config/route_config/virtual_hosts").collect();
    let is_catch_all = |host: &Value| texts(host, "/domains") == ["*"];
    if let [host] = hosts.as_slice()
        && is_catch_all(host)
        && let [route] = items(host, "/routes").collect::<Vec<_>>().as_slice()
        && text(route, "/match/prefix") == "/"
        && !text(route, "/route/cluster").is_empty()
    {
        return cluster_text(text(route, "/route/cluster"));
    }
    let hosts = hosts.into_iter().map(|host| {
        let routes =
            items(host, "/routes").filter_map(|route| Some(path_match(route.get("match")?)));
        let routes: Vec<_> = routes.collect();
        match is_catch_all(host) {
            true => routes.join(", "),
            false => format!(
                "{} {}",
                texts(host, "/domains").join("/"),
                routes.join(", ")
            ),
        }
    });
    format!("Inline Route: {}", hosts.collect::<Vec<_>>().join("; "))
}

/// The name of an Envoy cluster as text. A name that contains the word `Cluster`, such as `PassthroughCluster`, stays unchanged.
/// Other names get the prefix `Cluster: `.
fn cluster_text(cluster: &str) -> String {
    match cluster.contains("Cluster") {
        true => cluster.to_owned(),
        false => format!("Cluster: {cluster}"),
    }
}
