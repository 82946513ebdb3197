//! The canary, over the whole shop: shares, explicit choices, stickiness, a growing weight, and Istio's own weights without the filter.

use serde_json::{Value, json};
use stoa_testkit::mesh::compile;
use stoa_testkit::{Client, Shop, ShopOptions, at_once, wait_until};

use crate::customer::{Customer, SOON};

/// Four standard deviations: one run in 16,000 deviates more.
pub(crate) fn within_four_sigma(found: usize, of: usize, share: f64) {
    #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
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

/// The version that answers, and the session cookie if the response sets one.
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

/// Of `many` new visitors, the number sent to v2.
fn strangers(gateway: &Client, many: usize) -> usize {
    let found = at_once(4, |_| {
        (0..many / 4)
            .filter(|_| visit(gateway, &[]).0 == "v2")
            .count()
    });
    found.into_iter().sum()
}

/// The plugin's configuration in the manifests, with these weights.
fn weights(v1: u32, v2: u32) -> Value {
    let path = stoa_testkit::workspace().join("istio/plugins/canary-router.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let plugin: Value = serde_saphyr::from_str(&text).unwrap();
    let mut config = plugin["spec"]["pluginConfig"].clone();
    config["services"][0]["versions"] =
        json!([{"name": "v1", "weight": v1}, {"name": "v2", "weight": v2}]);
    config
}

#[test]
fn a_tenth_goes_to_the_next_release_and_stays_there() {
    let shop = Shop::start(ShopOptions::mesh());
    let gateway = shop.gateway();
    within_four_sigma(strangers(gateway, 2000), 2000, 0.1);

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

    // A session keeps its version; so does a user, in every session.
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

    // The weight grows while the shop runs: no session goes back to v1.
    let set = |v1, v2| {
        let router = weights(v1, v2);
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
        wait_until(SOON, "the gateway to have the new weights", || {
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
        println!("{v2} of 10,000: {moved} of 100 moved, {on_v2} on v2");
    }
    assert!(versions.iter().all(|(version, _)| version == "v2"));
}

#[test]
fn without_the_filter_istios_own_weights_hold() {
    let folder = tempfile::tempdir().unwrap();
    let compiled = folder.path().join("compiled");
    compile(&["tests/mesh/without-canary-router"], &compiled);
    let shop = Shop::start(ShopOptions::mesh().compiled(&compiled));
    let gateway = shop.gateway();
    within_four_sigma(strangers(gateway, 1000), 1000, 0.1);
    assert_eq!(visit(gateway, &[]).1, None, "no filter, no cookie");
    for _ in 0..20 {
        assert_eq!(visit(gateway, &[("x-shop-version", "v2")]).0, "v2");
        assert_eq!(visit(gateway, &[("x-beta-user", "true")]).0, "v2");
        assert_eq!(visit(gateway, &[("x-shop-version", "v1")]).0, "v1");
    }
}
