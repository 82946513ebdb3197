//! Tests of timeouts and retries of every route in Istio's output, without an Envoy. `traffic.rs` tests some of the routes in
//! Envoys.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stoa_testkit::workspace;

/// The columns: service, name of the route, timeout in seconds, and timeout in seconds of each of the four attempts (0: there is
/// only one attempt). The names omit the version suffix, and the service prefix that the gateway's routes have.
const ROUTES: [(&str, &str, u32, u32); 24] = [
    ("cart", "read", 8, 2),
    ("cart", "write", 10, 0),
    ("inventory", "read", 3, 1),
    ("inventory", "write", 5, 0),
    // The gateway's route. Its timeout is shorter than the timeout of the route for callers inside the mesh.
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

/// The routes of the gateway and of outbound calls, with the paths of their files. Routes of inbound traffic are excluded: they
/// have no timeout, because the caller's sidecar has the timeout.
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
                    // No host may have a retry policy: it would apply to every route that has no policy of its own.
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
fn every_route_has_its_timeout_and_only_reads_and_charges_are_retried() {
    let mut used = BTreeSet::new();
    for (file, route) in routes() {
        let (action, name) = (&route["route"], route["name"].as_str().unwrap());
        if name == "block_all" {
            // Envoy itself responds to the requests that match the route `block_all`.
            assert_eq!(route["direct_response"]["status"], 502, "{file}");
            continue;
        }
        let weighted = &action["weighted_clusters"]["clusters"][0]["name"];
        let cluster = action["cluster"].as_str().or(weighted.as_str()).unwrap();
        let host = cluster.rsplit('|').next().unwrap();
        let service = host.split('.').next().unwrap();
        let context = format!("{name} of {service} in {file}");
        let own = name.strip_prefix(service).unwrap_or(name);
        let kind = own.trim_start_matches('-').split('-').next().unwrap();
        let mut rows = ROUTES.into_iter().filter(|row| row.0 == service);
        let row = rows.find(|row| row.1 == name || row.1 == kind);
        let Some((_, row, all, each)) = row else {
            panic!("{context}: ROUTES does not list this route");
        };
        used.insert((service.to_owned(), row));
        assert_eq!(action["timeout"], json!(format!("{all}s")), "{context}");

        // The test recognizes reads and charges by the route's `match`, not by the route's name.
        let mut headers = route["match"]["headers"].as_array().into_iter().flatten();
        let method = headers.find(|header| header["name"] == ":method");
        let method = method.map(|header| &header["string_match"]);
        let read = method == Some(&json!({"safe_regex": {"regex": "GET|HEAD"}}));
        let charge = service == "payment"
            && route["match"]["path"] == "/payments"
            && method == Some(&json!({"exact": "POST"}));
        let (attempts, conditions) = match (read, charge) {
            (true, _) => (json!(3), json!("5xx,reset,connect-failure,retriable-4xx")),
            (_, true) => (json!(3), json!("5xx,reset,connect-failure")),
            _ => (Value::Null, Value::Null),
        };
        let attempt_timeout = if each == 0 {
            Value::Null
        } else {
            json!(format!("{each}s"))
        };
        let retries = &action["retry_policy"];
        assert_eq!(retries["num_retries"], attempts, "{context}");
        assert_eq!(retries["retry_on"], conditions, "{context}");
        assert_eq!(retries["per_try_timeout"], attempt_timeout, "{context}");
        // A route without retries must have no policy, because a policy without `num_retries` means one retry.
        assert_eq!(retries.is_null(), each == 0, "{context}");
    }
    assert_eq!(used.len(), ROUTES.len(), "{used:?}");
}
