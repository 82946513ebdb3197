//! Tests of the canary in the whole shop: shares, explicit choices, sessions, a growing weight, and Istio's weights without the
//! filter.

use serde_json::{Value, json};
use stoa_testkit::mesh::compile;
use stoa_testkit::{Client, Shop, ShopOptions, at_once, wait_until};

use crate::customer::{Customer, EFFECT_TIMEOUT};

/// Asserts that `found` is near the expected number `of * share`: within four standard deviations. By chance alone, one run in
/// 16,000 fails.
pub(crate) fn assert_within_four_sigma(found: usize, of: usize, share: f64) {
    #[expect(clippy::cast_precision_loss, reason = "counts are thousands at most")]
    let (found, of) = (found as f64, of as f64);
    let (expected, sigma) = (of * share, (of * share * (1.0 - share)).sqrt());
    assert!(
        (found - expected).abs() <= 4.0 * sigma,
        "{found} of {of}, expected {expected} within {}",
        4.0 * sigma
    );
    println!(
        "{found} of {of}, expected {expected} within {:.1}",
        4.0 * sigma
    );
}

/// Requests a product. Returns the version that responded, and the session cookie if the response sets a cookie.
fn visit(gateway: &Client, headers: &[(&str, &str)]) -> (String, Option<String>) {
    let mut request = gateway.get("/product/COF-001");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = request.send().expect(200);
    let cookie = answer
        .header("set-cookie")
        .map(|c| c.split(';').next().unwrap().to_owned());
    (answer.header("x-shop-version").unwrap().to_owned(), cookie)
}

/// Sends `many` requests without a session. Returns the number of responses from v2.
fn count_visitors_on_v2(gateway: &Client, many: usize) -> usize {
    let found = at_once(4, |_| {
        (0..many / 4)
            .filter(|_| visit(gateway, &[]).0 == "v2")
            .count()
    });
    found.into_iter().sum()
}

/// The manifests' configuration of canary-router, but with the weights `v1` and `v2`.
fn config_with_weights(v1: u32, v2: u32) -> Value {
    let path = stoa_testkit::workspace().join("istio/plugins/canary-router.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let plugin: Value = serde_saphyr::from_str(&text).unwrap();
    let mut config = plugin["spec"]["pluginConfig"].clone();
    config["services"][0]["versions"] =
        json!([{"name": "v1", "weight": v1}, {"name": "v2", "weight": v2}]);
    config
}

#[test]
fn ten_percent_of_the_sessions_get_the_next_release_and_keep_it() {
    let shop = Shop::start(ShopOptions::mesh());
    let gateway = shop.gateway();
    assert_within_four_sigma(count_visitors_on_v2(gateway, 2000), 2000, 0.1);

    // Explicit choices.
    for (headers, version) in [
        (vec![("x-shop-version", "v2")], "v2"),
        (vec![("x-shop-version", "v1")], "v1"),
        (vec![("x-beta-user", "true")], "v2"),
    ] {
        for _ in 0..20 {
            assert_eq!(visit(gateway, &headers).0, version, "{headers:?}");
        }
    }

    // A session keeps its version. A user gets the same version in every session.
    let mut sessions = Vec::new();
    for _ in 0..100 {
        let (version, cookie) = visit(gateway, &[]);
        sessions.push((version, cookie.expect("a session's cookie")));
    }
    for _ in 0..3 {
        for (version, cookie) in &sessions {
            let (again, set) = visit(gateway, &[("cookie", cookie)]);
            assert_eq!((&again, set), (version, None), "{cookie}");
        }
    }
    let customer = Customer::register(&shop, "ann");
    let bearer = format!("Bearer {}", customer.token);
    let as_user = || visit(gateway, &[("authorization", &bearer)]).0;
    let first = as_user();
    for _ in 0..10 {
        assert_eq!(as_user(), first);
    }

    // While the weight of v2 grows, no session goes back to v1.
    let set = |v1, v2| {
        let router = config_with_weights(v1, v2);
        shop.override_filters(
            &json!({"payment-fault": {"enabled": false}, "canary-router": router}),
        );
    };
    let reloads = || {
        shop.mesh()
            .stat("istio-ingressgateway", "canary-router.*config_reload$")
    };
    let mut versions = sessions;
    for (v1, v2) in [(7000, 3000), (3000, 7000), (0, 10_000)] {
        let before = reloads();
        set(v1, v2);
        wait_until(EFFECT_TIMEOUT, "the new weights at the gateway", || {
            reloads() > before
        });
        let (mut moved, mut on_v2) = (0, 0);
        for (version, cookie) in &mut versions {
            let now = visit(gateway, &[("cookie", cookie)]).0;
            assert!(!(version == "v2" && now == "v1"), "{cookie} went back");
            moved += usize::from(*version != now);
            on_v2 += usize::from(now == "v2");
            *version = now;
        }
        println!(
            "v2 has a weight of {v2} of 10,000: {moved} of 100 sessions moved to v2, and {on_v2} are on v2 now"
        );
    }
    assert!(versions.iter().all(|(version, _)| version == "v2"));
}

#[test]
fn without_the_filter_the_weights_of_the_virtual_service_apply() {
    let folder = tempfile::tempdir().unwrap();
    let compiled = folder.path().join("compiled");
    compile(&["tests/mesh/without-canary-router"], &compiled);
    let shop = Shop::start(ShopOptions::mesh().compiled(&compiled));
    let gateway = shop.gateway();
    assert_within_four_sigma(count_visitors_on_v2(gateway, 1000), 1000, 0.1);
    assert_eq!(
        visit(gateway, &[]).1,
        None,
        "only the filter sets a session cookie"
    );
    for _ in 0..20 {
        assert_eq!(visit(gateway, &[("x-shop-version", "v2")]).0, "v2");
        assert_eq!(visit(gateway, &[("x-beta-user", "true")]).0, "v2");
        assert_eq!(visit(gateway, &[("x-shop-version", "v1")]).0, "v1");
    }
}
