//! Timeouts and retries of every route that Istio made, without an Envoy. `traffic.rs` tests some of them in Envoys.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stoa_testkit::workspace;

/// Service, route name, timeout in seconds, and timeout of each of four attempts (0: only one attempt). The route name has no
/// service prefix (routes of the gateway have one) and no version suffix.
const ROUTES: [(&str, &str, u32, u32); 24] = [
    ("cart", "read", 8, 2),
    ("cart", "write", 10, 0),
    ("inventory", "read", 3, 1),
    ("inventory", "write", 5, 0),
    // The gateway's own route: it has less time than the route for callers inside.
    ("notification", "notification-write", 6, 0),
    ("notification", "read", 6, 2),
    ("notification", "write", 10, 0),
    ("notification", "deliver", 25, 0),
    ("order", "read", 8, 2),
    ("order", "write", 30, 0),
    ("partners", "all", 6, 0),
    ("payment", "charge", 10, 2),
    ("payment", "read", 6, 2),
    ("payment", "write", 10, 0),
    ("product", "read", 6, 2),
    ("product", "write", 30, 0),
    ("shipping", "read", 6, 2),
    ("shipping", "write", 10, 0),
    ("shipping", "outbox", 30, 0),
    ("storefront", "read", 8, 2),
    ("storefront", "write", 8, 0),
    ("user", "read", 6, 2),
    ("user", "write", 10, 0),
    ("user", "login", 10, 0),
];

fn list(value: &Value, name: &str) -> Vec<Value> {
    value[name].as_array().cloned().unwrap_or_default()
}

/// The routes of the gateway and of outbound calls, each with its file. A sidecar's inbound traffic has a route too, but it has
/// no timeout: the caller decides how long to wait.
fn routes() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for namespace in ["istio-system", "shop"] {
        let folder = workspace().join("istio/compiled").join(namespace);
        for workload in std::fs::read_dir(folder).unwrap() {
            let path = workload.unwrap().path().join("routes.json");
            let text = std::fs::read_to_string(&path).unwrap();
            let file: Value = serde_json::from_str(&text).unwrap();
            for configuration in list(&file, "resources") {
                for host in list(&configuration, "virtual_hosts") {
                    // It would apply to every route without its own policy.
                    assert!(host["retry_policy"].is_null(), "{}", path.display());
                    let routes = list(&host, "routes").into_iter();
                    found.extend(routes.map(|route| (path.display().to_string(), route)));
                }
            }
        }
    }
    found
}

#[test]
fn every_route_has_its_time_and_only_reads_and_charges_are_repeated() {
    let mut used = BTreeSet::new();
    for (file, route) in routes() {
        let (action, name) = (&route["route"], route["name"].as_str().unwrap());
        if name == "block_all" {
            // Envoy itself answers it.
            assert_eq!(route["direct_response"]["status"], 502, "{file}");
            continue;
        }
        let weighted = &action["weighted_clusters"]["clusters"][0]["name"];
        let cluster = action["cluster"].as_str().or(weighted.as_str()).unwrap();
        let host = cluster.rsplit('|').next().unwrap();
        let service = host.split('.').next().unwrap();
        let of = format!("{name} of {service} in {file}");
        let own = name.strip_prefix(service).unwrap_or(name);
        let kind = own.trim_start_matches('-').split('-').next().unwrap();
        let mut rows = ROUTES.into_iter().filter(|row| row.0 == service);
        let row = rows.find(|row| row.1 == name || row.1 == kind);
        let Some((_, row, all, each)) = row else {
            panic!("who knows {of}?");
        };
        used.insert((service.to_owned(), row));
        assert_eq!(action["timeout"], json!(format!("{all}s")), "{of}");

        // Identified by its match, not by its name.
        let mut headers = route["match"]["headers"].as_array().into_iter().flatten();
        let method = headers.find(|header| header["name"] == ":method");
        let method = method.map(|header| &header["string_match"]);
        let read = method == Some(&json!({"safe_regex": {"regex": "GET|HEAD"}}));
        let charge = service == "payment"
            && route["match"]["path"] == "/payments"
            && method == Some(&json!({"exact": "POST"}));
        let (tries, why) = match (read, charge) {
            (true, _) => (json!(3), json!("5xx,reset,connect-failure,retriable-4xx")),
            (_, true) => (json!(3), json!("5xx,reset,connect-failure")),
            _ => (Value::Null, Value::Null),
        };
        let time = if each == 0 {
            Value::Null
        } else {
            json!(format!("{each}s"))
        };
        let retries = &action["retry_policy"];
        assert_eq!(retries["num_retries"], tries, "{of}");
        assert_eq!(retries["retry_on"], why, "{of}");
        assert_eq!(retries["per_try_timeout"], time, "{of}");
        // A policy without a number means one retry.
        assert_eq!(retries.is_null(), each == 0, "{of}");
    }
    assert_eq!(used.len(), ROUTES.len(), "{used:?}");
}
