//! What `stoa fault set` injects: its overrides in a real Envoy with the built filter, counted from outside.

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
    overrides["payment-fault"].clone()
}

fn envoy(upstream: &Upstream, shares: &[&str]) -> Envoy {
    Setup::new()
        .filter(Filter::built("payment-fault", configuration(shares)))
        .cluster("payment", upstream.address())
        .start()
}

/// How many of all requests end with each of these codes; `captured` is payment's own answer.
fn ends<const N: usize>(envoy: &Envoy, codes: [&str; N], keyed: bool) -> [usize; N] {
    let mut connection = envoy.connect();
    let mut counts = [0; N];
    for order in 0..REQUESTS {
        let mut call = Call::post("/payments");
        if keyed {
            call = call.header("idempotency-key", &format!("order-{order}"));
        }
        let reply = connection.send(&call).unwrap().json();
        let code = reply["code"].as_str().unwrap().to_owned();
        let index = codes.iter().position(|known| *known == code);
        counts[index.unwrap_or_else(|| panic!("{code}"))] += 1;
    }
    counts
}

fn payments() -> Upstream {
    Upstream::start(|_: &Received| Response::status(201).json(&json!({"code": "captured"})))
}

/// Five standard deviations of a share of all requests. Without a key chance alone exceeds it once in 1.7 million.
fn is_share(count: usize, percent: usize) -> bool {
    let share = percent as f64 / 100.0;
    let expected = REQUESTS as f64 * share;
    (count as f64 - expected).abs() <= 5.0 * (expected * (1.0 - share)).sqrt()
}

#[test]
fn each_kind_of_fault_is_injected_at_its_own_share() {
    let codes = ["fault_injected", "response_lost", "captured"];
    for keyed in [true, false] {
        let upstream = payments();
        let envoy = envoy(&upstream, &["abort=20%", "lost_response=10%"]);
        let [aborted, lost, captured] = ends(&envoy, codes, keyed);
        assert!(is_share(aborted, 20), "{aborted} of {REQUESTS} aborted");
        assert!(is_share(lost, 10), "{lost} of {REQUESTS} lost");
        assert_eq!(upstream.seen().len(), lost + captured);
    }
}

#[test]
fn shares_of_100_percent_together_leave_no_request_out() {
    let upstream = payments();
    let shares = ["decline=50%", "abort=49.5%", "lost_response=0.5%"];
    let codes = ["payment_declined", "fault_injected", "response_lost"];
    let [declined, aborted, _] = ends(&envoy(&upstream, &shares), codes, true);
    assert!(is_share(declined, 50), "{declined} of {REQUESTS} declined");
    assert!(is_share(aborted, 50), "{aborted} of {REQUESTS} aborted");
}
