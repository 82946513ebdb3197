//! The routes of an Envoy.

use serde_json::Value;

use super::table::Table;
use super::{Envoy, InspectError, items, manifest, text, texts};

/// How many names of a host are shown.
const MOST: usize = 2;

/// Which requests an Envoy sends where.
///
/// # Errors
/// If it does not answer.
pub async fn routes(envoy: &Envoy) -> Result<String, InspectError> {
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
    let mut table = Table::new([
        "NAME",
        "VHOST NAME",
        "DOMAINS",
        "MATCH",
        "VIRTUAL SERVICE",
        "DESTINATION",
    ]);
    for config in configs {
        for host in items(config, "/virtual_hosts") {
            let domains = domains(&texts(host, "/domains"));
            let row = |matches: String, from: String, to: String| {
                let name = text(config, "/name").to_owned();
                let host = text(host, "/name").to_owned();
                [name, host, domains.clone(), matches, from, to]
            };
            for route in items(host, "/routes") {
                let condition = route.get("match").map(condition).unwrap_or_default();
                table.row(row(condition, manifest(route), destination(route)));
            }
            if items(host, "/routes").next().is_none() {
                table.row(row("/*".to_owned(), "404".to_owned(), String::new()));
            }
        }
    }
    Ok(table.or(&format!("{} has no routes", envoy.name)))
}

/// The shortest of a host's names.
fn domains(domains: &[String]) -> String {
    if let [only] = domains {
        return only.clone();
    }
    let longer = |name: &str| {
        let shorter = |suffix| {
            name.strip_suffix(suffix)
                .is_some_and(|n| domains.iter().any(|d| d == n))
        };
        shorter(".svc.cluster.local") || shorter(".svc")
    };
    let other = |name: &str| name.contains(':') || name.ends_with('.') || longer(name);
    let names = domains.iter().filter(|name| !other(name));
    let mut names: Vec<_> = names.map(String::as_str).collect();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    match more {
        0 => names.join(", "),
        more => format!("{} + {more} more...", names.join(", ")),
    }
}

/// What the path has to be.
pub(super) fn path_match(condition: &Value) -> String {
    let said = |pointer| Some(text(condition, pointer)).filter(|text| !text.is_empty());
    let parts = [
        said("/prefix").map(|prefix| format!("{prefix}*")),
        said("/path_separated_prefix").map(|prefix| format!("PathPrefix:{prefix}")),
        said("/path").map(str::to_owned),
        said("/safe_regex/regex").map(|regex| format!("regex {regex}")),
        said("/path_match_policy/typed_config/path_template").map(str::to_owned),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// All that a request has to be. istioctl leaves the headers out; here they tell routes apart.
fn condition(condition: &Value) -> String {
    let mut parts = vec![path_match(condition)];
    parts.extend(items(condition, "/headers").map(header));
    parts.extend(items(condition, "/query_parameters").map(header));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

pub(super) fn header(header: &Value) -> String {
    let name = text(header, "/name");
    let not = if is_true(header, "/invert_match") {
        "!"
    } else {
        ""
    };
    let value = header.get("string_match").map(string_match);
    match value.or_else(|| exact(header)) {
        Some(value) => format!("{not}{name}={value}"),
        None => {
            // Whether it is there.
            let absent = header.get("present_match") == Some(&Value::Bool(false));
            let not = if absent { "!" } else { not };
            format!("{not}{name}")
        }
    }
}

fn exact(header: &Value) -> Option<String> {
    Some(header.get("exact_match")?.as_str()?.to_owned())
}

/// `a`, `a*`, `*a`, `*a*`, or `regex a`.
pub(super) fn string_match(value: &Value) -> String {
    let said = |pointer| Some(text(value, pointer)).filter(|text| !text.is_empty());
    let shape = [
        said("/exact").map(str::to_owned),
        said("/prefix").map(|prefix| format!("{prefix}*")),
        said("/suffix").map(|suffix| format!("*{suffix}")),
        said("/contains").map(|part| format!("*{part}*")),
        said("/safe_regex/regex").map(|regex| format!("regex {regex}")),
    ];
    let shape = shape.into_iter().flatten().next().unwrap_or_default();
    match is_true(value, "/ignore_case") {
        true => format!("{shape} (any case)"),
        false => shape,
    }
}

fn destination(route: &Value) -> String {
    let cluster = text(route, "/route/cluster");
    if !cluster.is_empty() {
        return cluster.to_owned();
    }
    let weighted = items(route, "/route/weighted_clusters/clusters").map(|cluster| {
        let weight = cluster.get("weight").and_then(Value::as_u64);
        format!("{} {}%", text(cluster, "/name"), weight.unwrap_or(0))
    });
    let weighted: Vec<_> = weighted.collect();
    if !weighted.is_empty() {
        return weighted.join(", ");
    }
    let status = route.pointer("/direct_response/status");
    if let Some(status) = status.and_then(Value::as_u64) {
        return format!("answered here: {status}");
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

fn is_true(of: &Value, pointer: &str) -> bool {
    of.pointer(pointer) == Some(&Value::Bool(true))
}
