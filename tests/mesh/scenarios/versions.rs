//! Two versions of product: the share of the next one, copies of requests to it, and its outage.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stoa_testkit::envoy::Call;
use stoa_testkit::{at_once, wait_until};

use super::stage::{Scenario, Stage, plugin, to};
use crate::canary::within_four_sigma;
use crate::customer::{Customer, SOON, address, card, items, key, text};

const AT_ONCE: usize = 4;

/// Statuses and versions that `many` new visitors get, with their counts.
fn strangers(stage: &Stage, many: usize) -> BTreeMap<(u16, Option<String>), usize> {
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
    let mut met = BTreeMap::new();
    for visit in visits.into_iter().flatten() {
        *met.entry(visit).or_insert(0) += 1;
    }
    met
}

fn on(met: &BTreeMap<(u16, Option<String>), usize>, version: &str) -> usize {
    met.get(&(200, Some(version.to_owned())))
        .copied()
        .unwrap_or(0)
}

/// The shares of v2: at the gateway, where canary-router decides, and inside, where only Istio's own weights apply.
fn canary(scenario: &Scenario<'_>, share: f64, many: usize) {
    let stage = scenario.stage;
    let ((gateway, inside), (gateway_without, inside_without)) = scenario.both(|| {
        let met = strangers(stage, many);
        assert_eq!(on(&met, "v1") + on(&met, "v2"), many, "{met:?}");
        let mut connection = stage.outbound("cart");
        let call = to(Call::get("/product/COF-001"), "product");
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
        (on(&met, "v2"), inside)
    });
    within_four_sigma(gateway, many, share);
    within_four_sigma(inside, many, share);
    within_four_sigma(gateway_without, many, 0.1);
    within_four_sigma(inside_without, many, 0.1);
}

pub(super) fn canary_product_95_5(scenario: &Scenario<'_>) {
    // As many as are needed to distinguish 5 % from 10 %.
    canary(scenario, 0.05, 1200);
}

pub(super) fn canary_product_50_50(scenario: &Scenario<'_>) {
    canary(scenario, 0.5, 400);
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
    let (with, without) = scenario.both(|| {
        let before = (
            stage.asked("product-v2"),
            stage.asked("product-v1-0") + stage.asked("product-v1-1"),
        );
        let met = strangers(stage, READS);
        let (v1, v2) = (on(&met, "v1"), on(&met, "v2"));
        assert_eq!(v1 + v2, READS, "{met:?}");
        let asked_v1 = stage.asked("product-v1-0") + stage.asked("product-v1-1") - before.1;
        assert_eq!(asked_v1, u64::try_from(v1).unwrap());
        // A copy may be late; no other request is expected.
        let copies = || stage.asked("product-v2") - before.0 - u64::try_from(v2).unwrap();
        if v2 == 0 {
            wait_until(SOON, "the copies", || copies() >= asked_v1);
        }
        (v2, copies())
    });
    println!("   of {READS} reads on v2, and copies for it: with {with:?}; without {without:?}");
    assert_eq!(with, (0, 120));
    assert!(without.0 > 0 && without.1 == 0, "{without:?}");

    scenario.on();
    // A caller that requests v2 gets v1, and a write is never copied.
    let asked = stage
        .gateway
        .get("/product/COF-001")
        .header("x-shop-version", "v2")
        .send()
        .expect(200);
    assert_eq!(asked.header("x-shop-version"), Some("v1"));
    // A copy names v1, but arrives at v2.
    let copies = || {
        let lines = stage.mesh.access_log("product-v2").into_iter();
        let copied = lines.filter(|line| line["direction"] == "1" && line["shop_version"] == "v1");
        copied.collect::<Vec<_>>()
    };
    wait_until(SOON, "lines about the copies", || {
        copies().len() == READS + 1
    });
    assert!(copies().iter().all(|line| line["method"] == "GET"));
    let body = json!({"quantity": 1, "shipping_address": address(), "payment": card("tok_visa")});
    let path = format!("/product/{}/buy", text(&product, "product_id"));
    let buyer = Customer::register(&stage.shop, "bob");
    let bought = buyer.post(&path, &key(), &body).expect(201);
    assert_eq!(bought.header("x-shop-version"), Some("v1"));
    // Another read and its copy, after the write: a copy of the write would have arrived by now.
    let _ = stage.gateway.get("/product/COF-001").send().expect(200);
    wait_until(SOON, "one more copy", || copies().len() >= READS + 2);
    assert!(
        copies().iter().all(|line| line["method"] == "GET"),
        "a write was copied"
    );
    let placed = buyer.get("/order").expect(200).json;
    assert_eq!(items(&placed).len(), 1);
    scenario.off();
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
    // An open connection keeps the old configuration until it has carried its ten requests.
    let settle = |status: u16| {
        wait_until(SOON, &format!("{status} of v2"), || {
            let every = at_once(AT_ONCE, |_| (0..10).all(|_| visit("v2").status == status));
            every.into_iter().all(|all| all)
        });
    };
    let count = |name: &str| {
        stage.mesh.stat(
            "istio-ingressgateway",
            &format!(r"\|v2\|product\..*{name}$"),
        )
    };

    scenario.on();
    settle(503);
    let before = (count("upstream_rq_retry"), count("upstream_rq_total"));
    for _ in 0..VISITS {
        let dead = visit("v2").expect(503);
        assert_eq!(dead.json["code"], "unavailable");
        let _ = visit("v1").expect(200);
    }
    let visits = u64::try_from(VISITS).unwrap();
    let tries = (
        count("upstream_rq_retry") - before.0,
        count("upstream_rq_total") - before.1,
    );
    assert_eq!(tries, (3 * visits, 4 * visits));
    let dead = visit("v2").expect(503);
    let line = stage.line("istio-ingressgateway", dead.header("x-request-id").unwrap());
    assert_eq!(
        (
            &line["upstream_request_attempt_count"],
            &line["response_flags"]
        ),
        (&json!(4), &json!("URX"))
    );
    // The only instance of v2 is never ejected.
    assert_eq!(count("ejections_active"), 0);
    assert!(count("ejections_overflow") > 0);
    // 10 % of all visitors get the error.
    let met = strangers(stage, 400);
    let failed = met.get(&(503, Some("v2".to_owned()))).copied().unwrap_or(0);
    assert_eq!(failed + on(&met, "v1"), 400, "{met:?}");
    within_four_sigma(failed, 400, 0.1);
    // The rollback is immediate, also for callers that request v2.
    let mut router: Value = plugin("canary-router");
    router["everyone_on_stable"] = json!(true);
    stage.filters(&json!({"payment-fault": {"enabled": false}, "canary-router": router}));
    for _ in 0..VISITS {
        assert_eq!(visit("v2").expect(200).header("x-shop-version"), Some("v1"));
    }
    stage.usual_filters();
    let _ = visit("v2").expect(503);

    scenario.off();
    settle(200);
    let before = count("upstream_rq_retry");
    for _ in 0..VISITS {
        assert_eq!(visit("v2").expect(200).header("x-shop-version"), Some("v2"));
    }
    let met = strangers(stage, 200);
    assert_eq!(on(&met, "v1") + on(&met, "v2"), 200, "{met:?}");
    assert_eq!(count("upstream_rq_retry"), before);
}
