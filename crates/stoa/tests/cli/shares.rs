//! Tests the faults that `stoa fault set` injects. Each override runs in a real Envoy with the built filter, and the test counts
//! the responses.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stoa_testkit::envoy::{Call, Envoy, Filter, Received, Response, Setup, Upstream};
use stoa_testkit::workspace;

use crate::fixture::Fixture;

const REQUESTS: usize = 2_000;

/// The override that `stoa fault set` writes for these shares. A running mesh would use the override as the filter's
/// `pluginConfig`.
fn configuration(shares: &[&str]) -> Value {
    let fixture = Fixture::new();
    let mesh = workspace().join("istio/compiled").display().to_string();
    let state = fixture.path("state");
    std::fs::create_dir(&state).unwrap();
    let state_dir = state.display().to_string();
    let mut command = vec!["fault", "set", "payment"];
    command.extend(shares);
    command.extend(["--mesh", &mesh, "--state-dir", &state_dir]);
    let output = fixture.run(&command);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let overrides = std::fs::read(state.join("mesh/overrides.json")).unwrap();
    let overrides: Value = serde_json::from_slice(&overrides).unwrap();
    overrides.get("payment-fault").unwrap().clone()
}

fn envoy(upstream: &Upstream, shares: &[&str]) -> Envoy {
    Setup::new()
        .filter(Filter::built("payment-fault", configuration(shares)))
        .cluster("payment", upstream.address())
        .start()
}

/// Sends all requests, and counts the responses by their `code`. A response of the simulated payment service has the code
/// `captured`.
fn count_codes(envoy: &Envoy, keyed: bool) -> BTreeMap<String, usize> {
    let mut connection = envoy.connect();
    let mut counts = BTreeMap::new();
    for order in 0..REQUESTS {
        let mut call = Call::post("/payments");
        if keyed {
            call = call.header("idempotency-key", &format!("order-{order}"));
        }
        let reply = connection.send(&call).unwrap().json();
        let code = reply.get("code").and_then(Value::as_str).unwrap();
        *counts.entry(code.to_owned()).or_default() += 1;
    }
    counts
}

fn payments() -> Upstream {
    Upstream::start(|_: &Received| Response::status(201).json(&json!({"code": "captured"})))
}

/// True if `count` differs from this share of all requests by at most five standard deviations. If the requests have no idempotency
/// key, faults are random, and chance alone causes a larger difference once in 1.7 million runs.
fn is_share(count: usize, percent: usize) -> bool {
    let share = percent as f64 / 100.0;
    let expected = REQUESTS as f64 * share;
    (count as f64 - expected).abs() <= 5.0 * (expected * (1.0 - share)).sqrt()
}

#[test]
fn each_kind_of_fault_is_injected_at_its_own_share() {
    for keyed in [true, false] {
        let upstream = payments();
        let envoy = envoy(&upstream, &["abort=20%", "lost_response=10%"]);
        let counts = count_codes(&envoy, keyed);
        assert!(is_share(counts["fault_injected"], 20), "{counts:?}");
        assert!(is_share(counts["response_lost"], 10), "{counts:?}");
        assert_eq!(counts.len(), 3, "{counts:?}");
        let forwarded = counts["response_lost"] + counts["captured"];
        assert_eq!(upstream.seen().len(), forwarded);
    }
}

#[test]
fn shares_with_a_sum_of_100_percent_inject_a_fault_into_every_request() {
    let upstream = payments();
    let shares = ["decline=50%", "abort=49.5%", "lost_response=0.5%"];
    let counts = count_codes(&envoy(&upstream, &shares), true);
    assert!(is_share(counts["payment_declined"], 50), "{counts:?}");
    assert!(is_share(counts["fault_injected"], 50), "{counts:?}");
    assert_eq!(counts.get("captured"), None, "{counts:?}");
}
