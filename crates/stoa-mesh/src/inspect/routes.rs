//! Shows an Envoy's routes.

use serde_json::Value;

use super::envoy::Envoy;
use super::error::InspectError;
use super::matchers::{header, path_match};
use super::table::Table;
use super::value::{items, manifest, pretty, text, texts};
use super::view::View;

/// Maximum number of domain names that the table shows for a virtual host.
const DOMAINS_SHOWN: usize = 2;

/// A table of an Envoy's routes. Each row shows the conditions that a request must match, and the cluster that receives a matching
/// request.
///
/// # Errors
/// If the Envoy does not answer.
pub async fn routes(envoy: &Envoy, view: &View) -> Result<String, InspectError> {
    let dump = envoy.dump().await?;
    let dynamic = dump.list("RoutesConfigDump", "dynamic_route_configs");
    let all = dynamic.chain(dump.list("RoutesConfigDump", "static_route_configs"));
    let mut configs: Vec<_> = all
        .filter_map(|config| config.get("route_config"))
        .collect();
    configs.sort_by_key(|config| {
        let name = text(config, "/name");
        (name.parse::<u16>().unwrap_or(0), name)
    });
    let wanted = view.name.as_deref();
    configs.retain(|config| wanted.is_none_or(|name| text(config, "/name") == name));
    if view.json {
        return Ok(pretty(&configs));
    }
    let mut table = Table::new(["NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE", "DESTINATION"]);
    for (names, rows) in grouped(configs) {
        for [domains, matches, from, to] in rows {
            table.row([names.join(", "), domains, matches, from, to]);
        }
    }
    Ok(table.or(&format!("{} has no routes", envoy.name)))
}

/// The table's rows for one route configuration. The four columns are the domains, the condition on the request, the Istio
/// manifest, and the destination.
type Rows = Vec<[String; 4]>;

/// Groups the names of route configurations that have equal rows. For example, a gateway has two equal route configurations: one
/// for HTTP and one for HTTPS.
fn grouped(configs: Vec<&Value>) -> Vec<(Vec<&str>, Rows)> {
    let mut all: Vec<(Vec<&str>, Rows)> = Vec::new();
    for config in configs {
        let (name, rows) = (text(config, "/name"), rows(config));
        match all.iter_mut().find(|(_, known)| *known == rows) {
            Some((names, _)) => names.push(name),
            None => all.push((vec![name], rows)),
        }
    }
    all
}

fn rows(config: &Value) -> Rows {
    let mut rows = Rows::new();
    for host in items(config, "/virtual_hosts") {
        let domains = domains(&texts(host, "/domains"));
        for route in items(host, "/routes") {
            let condition = route.get("match").map(condition).unwrap_or_default();
            rows.push([
                domains.clone(),
                condition,
                manifest(route),
                destination(route),
            ]);
        }
        if items(host, "/routes").next().is_none() {
            rows.push([domains, "/*".to_owned(), "404".to_owned(), String::new()]);
        }
    }
    rows
}

/// The domains of a virtual host as text. A domain is left out if it is only a longer form of another domain in the list, such as
/// `cart.shop.svc` if the list contains `cart.shop`.
fn domains(domains: &[String]) -> String {
    if let [only] = domains {
        return only.clone();
    }
    let is_longer_form = |name: &str| {
        let shorter = |suffix| {
            name.strip_suffix(suffix)
                .is_some_and(|n| domains.iter().any(|d| d == n))
        };
        shorter(".svc.cluster.local") || shorter(".svc")
    };
    let is_omitted = |name: &str| name.contains(':') || name.ends_with('.') || is_longer_form(name);
    let names = domains.iter().filter(|name| !is_omitted(name));
    let mut names: Vec<_> = names.map(String::as_str).collect();
    let more = names.len().saturating_sub(DOMAINS_SHOWN);
    names.truncate(DOMAINS_SHOWN);
    match more {
        0 => names.join(", "),
        more => format!("{} + {more} more...", names.join(", ")),
    }
}

/// All conditions that a request must match so that Envoy uses a route, as text. The text includes conditions on headers, because
/// some routes differ only in them. (istioctl does not show conditions on headers.)
fn condition(condition: &Value) -> String {
    let mut parts = vec![path_match(condition)];
    parts.extend(items(condition, "/headers").map(header));
    parts.extend(items(condition, "/query_parameters").map(header));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn destination(route: &Value) -> String {
    let cluster = text(route, "/route/cluster");
    if !cluster.is_empty() {
        return cluster.to_owned();
    }
    let weighted: Vec<_> = items(route, "/route/weighted_clusters/clusters")
        .map(|cluster| {
            let weight = cluster.get("weight").and_then(Value::as_u64);
            (text(cluster, "/name"), weight.unwrap_or(0))
        })
        .collect();
    if !weighted.is_empty() {
        return shares(&weighted);
    }
    let status = route.pointer("/direct_response/status");
    if let Some(status) = status.and_then(Value::as_u64) {
        return format!("this Envoy answers {status}");
    }
    match route.get("redirect") {
        Some(redirect) => format!(
            "redirect to {}{}",
            text(redirect, "/host_redirect"),
            text(redirect, "/path_redirect")
        ),
        None => String::new(),
    }
}

/// The clusters of a route with their weights, as text such as `outbound|80|v1|ratings.bookinfo.svc.cluster.local 90%, v2 10%`. If
/// the name of a further cluster differs from the name of the first cluster only in the subset, the text contains only the subset
/// (here `v2`).
fn shares(weighted: &[(&str, u64)]) -> String {
    let parts = |name: &str| {
        let parts: Vec<_> = name.split('|').map(str::to_owned).collect();
        <[String; 4]>::try_from(parts).ok()
    };
    let first = weighted.first().and_then(|(name, _)| parts(name));
    let mut shares = Vec::new();
    for (index, (name, weight)) in weighted.iter().enumerate() {
        let short = match (&first, parts(name)) {
            (Some([a, b, _, c]), Some([x, y, subset, z]))
                if index > 0 && [a, b, c] == [&x, &y, &z] =>
            {
                subset
            }
            _ => (*name).to_owned(),
        };
        shares.push(format!("{short} {weight}%"));
    }
    shares.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_routes_of_http_and_https_are_shown_once() {
        let config = |name: &str, path: &str| {
            let route = json!({"match": {"path": path}, "route": {"cluster": "a"}});
            json!({"name": name, "virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]})
        };
        let configs = [
            config("http.8080", "/"),
            config("https.443", "/"),
            config("80", "/b"),
        ];
        let groups = grouped(configs.iter().collect());
        let names: Vec<_> = groups.iter().map(|(names, _)| names.join(", ")).collect();
        assert_eq!(names, ["http.8080, https.443", "80"]);
        assert_eq!(groups[0].1, [["*", "/", "", "a"].map(str::to_owned)]);
    }

    #[test]
    fn the_shares_of_one_service_have_its_name_only_once() {
        let (v1, v2, other) = (
            "outbound|80|v1|a.b",
            "outbound|80|v2|a.b",
            "outbound|80||c.b",
        );
        assert_eq!(
            shares(&[(v1, 90), (v2, 10)]),
            "outbound|80|v1|a.b 90%, v2 10%"
        );
        assert_eq!(
            shares(&[(v1, 90), (other, 10)]),
            "outbound|80|v1|a.b 90%, outbound|80||c.b 10%"
        );
        assert_eq!(shares(&[("a", 1), ("b", 2)]), "a 1%, b 2%");
    }
}
