//! Tests of scenarios with two versions of product: the share of v2, copies of requests to v2, and an outage of v2.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stoa_testkit::envoy::Call;
use stoa_testkit::{at_once, wait_until};

use super::stage::{Scenario, Stage, plugin, with_host};
use crate::canary::assert_within_four_sigma;
use crate::customer::{Customer, EFFECT_TIMEOUT, address, card, items, key, text};

const AT_ONCE: usize = 4;

/// Sends `many` requests without a session. Returns the number of responses for each status and version.
fn count_visits(stage: &Stage, many: usize) -> BTreeMap<(u16, Option<String>), usize> {
    let visits = at_once(AT_ONCE, |_| {
        let visit = || {
            let answer = stage.gateway.get("/product/COF-001").send();
            (
                answer.status,
                answer.header("x-shop-version").map(str::to_owned),
            )
        };
        (0..many / AT_ONCE).map(|_| visit()).collect::<Vec<_>>()
    });
    let mut counts = BTreeMap::new();
    for visit in visits.into_iter().flatten() {
        *counts.entry(visit).or_insert(0) += 1;
    }
    counts
}

/// Number of successful responses of a version.
fn responses_of(counts: &BTreeMap<(u16, Option<String>), usize>, version: &str) -> usize {
    counts
        .get(&(200, Some(version.to_owned())))
        .copied()
        .unwrap_or(0)
}

/// Tests the share of v2 at the gateway, where canary-router selects the version, and inside the mesh, where Istio's weights apply.
fn test_share(scenario: &Scenario<'_>, share: f64, many: usize) {
    let stage = scenario.stage;
    let ((gateway, inside), (gateway_without, inside_without)) =
        scenario.measure_with_and_without(|| {
            let counts = count_visits(stage, many);
            assert_eq!(
                responses_of(&counts, "v1") + responses_of(&counts, "v2"),
                many,
                "{counts:?}"
            );
            let mut connection = stage.outbound("cart");
            let call = with_host(Call::get("/product/COF-001"), "product");
            let mut version = || {
                connection
                    .send(&call)
                    .unwrap()
                    .expect(200)
                    .header("x-shop-version")
                    .map(str::to_owned)
            };
            let inside = (0..many)
                .filter(|_| version().as_deref() == Some("v2"))
                .count();
            (responses_of(&counts, "v2"), inside)
        });
    assert_within_four_sigma(gateway, many, share);
    assert_within_four_sigma(inside, many, share);
    assert_within_four_sigma(gateway_without, many, 0.1);
    assert_within_four_sigma(inside_without, many, 0.1);
}

pub(super) fn canary_product_95_5(scenario: &Scenario<'_>) {
    // 1,200 requests are enough to distinguish 5 % from 10 %.
    test_share(scenario, 0.05, 1200);
}

pub(super) fn canary_product_50_50(scenario: &Scenario<'_>) {
    test_share(scenario, 0.5, 400);
}

pub(super) fn mirror_product_v2(scenario: &Scenario<'_>) {
    const READS: usize = 120;
    let stage = scenario.stage;
    let product = stage
        .gateway
        .get("/product/COF-001")
        .send()
        .expect(200)
        .json;
    let (with, without) = scenario.measure_with_and_without(|| {
        let before = (
            stage.received_requests("product-v2"),
            stage.received_requests("product-v1-0") + stage.received_requests("product-v1-1"),
        );
        let counts = count_visits(stage, READS);
        let (v1, v2) = (responses_of(&counts, "v1"), responses_of(&counts, "v2"));
        assert_eq!(v1 + v2, READS, "{counts:?}");
        let asked_v1 = stage.received_requests("product-v1-0")
            + stage.received_requests("product-v1-1")
            - before.1;
        assert_eq!(asked_v1, u64::try_from(v1).unwrap());
        // Copies may arrive later than the responses. Apart from the copies, v2 must get no other requests.
        let copies =
            || stage.received_requests("product-v2") - before.0 - u64::try_from(v2).unwrap();
        if v2 == 0 {
            wait_until(EFFECT_TIMEOUT, "the copies", || copies() >= asked_v1);
        }
        (v2, copies())
    });
    println!(
        "   {READS} reads, (responses of v2, copies to v2): with the scenario {with:?}; without it {without:?}"
    );
    assert_eq!(with, (0, 120));
    assert!(without.0 > 0 && without.1 == 0, "{without:?}");

    scenario.activate();
    // A caller that requests v2 gets v1. Writes are never copied.
    let read = stage
        .gateway
        .get("/product/COF-001")
        .header("x-shop-version", "v2")
        .send()
        .expect(200);
    assert_eq!(read.header("x-shop-version"), Some("v1"));
    // Copies arrive at v2 with the header `x-shop-version: v1`.
    let copies = || {
        let lines = stage.mesh.access_log("product-v2").into_iter();
        let copied = lines.filter(|line| line["direction"] == "1" && line["shop_version"] == "v1");
        copied.collect::<Vec<_>>()
    };
    wait_until(EFFECT_TIMEOUT, "the log lines of the copies", || {
        copies().len() == READS + 1
    });
    assert!(copies().iter().all(|line| line["method"] == "GET"));
    let body = json!({"quantity": 1, "shipping_address": address(), "payment": card("tok_visa")});
    let path = format!("/product/{}/buy", text(&product, "product_id"));
    let buyer = Customer::register(&stage.shop, "bob");
    let bought = buyer.post(&path, &key(), &body).expect(201);
    assert_eq!(bought.header("x-shop-version"), Some("v1"));
    // Waits for the copy of a further read. If the write had been copied, its copy would have arrived earlier.
    let _ = stage.gateway.get("/product/COF-001").send().expect(200);
    wait_until(EFFECT_TIMEOUT, "one more copy", || {
        copies().len() >= READS + 2
    });
    assert!(
        copies().iter().all(|line| line["method"] == "GET"),
        "a write was copied"
    );
    let placed = buyer.get("/order").expect(200).json;
    assert_eq!(items(&placed).len(), 1);
    scenario.deactivate();
}

pub(super) fn outage_product_v2_dead(scenario: &Scenario<'_>) {
    const VISITS: usize = 20;
    let stage = scenario.stage;
    let visit = |version: &str| {
        stage
            .gateway
            .get("/product/COF-001")
            .header("x-shop-version", version)
            .send()
    };
    // An open connection keeps the old configuration until it has handled ten requests.
    let settle = |status: u16| {
        wait_until(EFFECT_TIMEOUT, &format!("status {status} from v2"), || {
            let results = at_once(AT_ONCE, |_| (0..10).all(|_| visit("v2").status == status));
            results.into_iter().all(|all_equal| all_equal)
        });
    };
    let count = |name: &str| {
        stage.mesh.stat(
            "istio-ingressgateway",
            &format!(r"\|v2\|product\..*{name}$"),
        )
    };

    scenario.activate();
    settle(503);
    let before = (count("upstream_rq_retry"), count("upstream_rq_total"));
    for _ in 0..VISITS {
        let dead = visit("v2").expect(503);
        assert_eq!(dead.json["code"], "unavailable");
        let _ = visit("v1").expect(200);
    }
    let visits = u64::try_from(VISITS).unwrap();
    let retries_and_attempts = (
        count("upstream_rq_retry") - before.0,
        count("upstream_rq_total") - before.1,
    );
    assert_eq!(retries_and_attempts, (3 * visits, 4 * visits));
    let dead = visit("v2").expect(503);
    let line = stage.line("istio-ingressgateway", dead.header("x-request-id").unwrap());
    assert_eq!(
        (
            &line["upstream_request_attempt_count"],
            &line["response_flags"]
        ),
        (&json!(4), &json!("URX"))
    );
    // Envoy never ejects the only instance of v2; it counts an overflow instead.
    assert_eq!(count("ejections_active"), 0);
    assert!(count("ejections_overflow") > 0);
    // 10 % of all new visitors get the error.
    let counts = count_visits(stage, 400);
    let failed = counts
        .get(&(503, Some("v2".to_owned())))
        .copied()
        .unwrap_or(0);
    assert_eq!(failed + responses_of(&counts, "v1"), 400, "{counts:?}");
    assert_within_four_sigma(failed, 400, 0.1);
    // The kill switch moves all callers to v1 at once, even callers that request v2.
    let mut router: Value = plugin("canary-router");
    router["everyone_on_stable"] = json!(true);
    stage.override_filters(&json!({"payment-fault": {"enabled": false}, "canary-router": router}));
    for _ in 0..VISITS {
        assert_eq!(visit("v2").expect(200).header("x-shop-version"), Some("v1"));
    }
    stage.restore_filters();
    let _ = visit("v2").expect(503);

    scenario.deactivate();
    settle(200);
    let before = count("upstream_rq_retry");
    for _ in 0..VISITS {
        assert_eq!(visit("v2").expect(200).header("x-shop-version"), Some("v2"));
    }
    let counts = count_visits(stage, 200);
    assert_eq!(
        responses_of(&counts, "v1") + responses_of(&counts, "v2"),
        200,
        "{counts:?}"
    );
    assert_eq!(count("upstream_rq_retry"), before);
}
