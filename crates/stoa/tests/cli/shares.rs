//! Faults from `stoa fault set`: its overrides run in a real Envoy with the built filter, and the test counts the responses.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stoa_testkit::envoy::{Call, Envoy, Filter, Received, Response, Setup, Upstream};
use stoa_testkit::workspace;

use crate::fixture::Fixture;

const REQUESTS: usize = 2_000;

/// The `pluginConfig` that a running mesh gets.
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
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
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

/// Number of requests per response code; `captured` is payment's own.
fn ends(envoy: &Envoy, keyed: bool) -> BTreeMap<String, usize> {
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

/// Five standard deviations of a share of all requests. Without a key, chance alone exceeds it once in 1.7 million runs.
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
        let ends = ends(&envoy, keyed);
        assert!(is_share(ends["fault_injected"], 20), "{ends:?}");
        assert!(is_share(ends["response_lost"], 10), "{ends:?}");
        assert_eq!(ends.len(), 3, "{ends:?}");
        let worked = ends["response_lost"] + ends["captured"];
        assert_eq!(upstream.seen().len(), worked);
    }
}

#[test]
fn shares_of_100_percent_together_leave_no_request_out() {
    let upstream = payments();
    let shares = ["decline=50%", "abort=49.5%", "lost_response=0.5%"];
    let ends = ends(&envoy(&upstream, &shares), true);
    assert!(is_share(ends["payment_declined"], 50), "{ends:?}");
    assert!(is_share(ends["fault_injected"], 50), "{ends:?}");
    assert_eq!(ends.get("captured"), None, "{ends:?}");
}
