//! Tests of scenarios with faults that callers' Envoys inject, and with a connection pool that is too small.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::json;
use stoa_testkit::envoy::Call;
use stoa_testkit::{Stub, StubResponse, at_once, wait_until};

use super::stage::{Scenario, timed, with_host};
use crate::customer::{EFFECT_TIMEOUT, key, text};

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn fault_product_delay(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    let paths = [
        ("/product", "v1"),
        ("/product/COF-001", "v1"),
        ("/product/COF-001", "v2"),
        ("/shop/", "v1"),
    ];
    let ((with, flags, own), (without, no_flags, _)) = scenario.measure_with_and_without(|| {
        let mut took = at_once(paths.len(), |number| {
            let (path, version) = paths[number];
            let (answer, took) = timed(|| {
                stage
                    .gateway
                    .get(path)
                    .header("x-shop-version", version)
                    .send()
            });
            assert_eq!(
                answer.status, 200,
                "{path}: a delay must not cause a failure"
            );
            took
        });
        // The delay also applies to callers inside the mesh.
        let call = Call::get("/product/COF-001").header("x-shop-version", "v2");
        let (reply, inside) = timed(|| stage.send_from("order", call, "product"));
        let request_id = reply.expect(200).header("x-request-id").unwrap().to_owned();
        took.push(inside);
        let flags = text(&stage.line("order", &request_id), "response_flags");
        let own = stage.line("product-v2", &request_id)["duration"]
            .as_u64()
            .unwrap();
        (took, flags, own)
    });
    println!(
        "   durations and response flags: with the scenario {with:.2?} {flags} ({own} ms in the product service); without it {without:.2?} {no_flags}"
    );
    assert!(with.iter().all(|took| *took >= SECOND), "{with:?}");
    assert!(without.iter().all(|took| *took < SECOND), "{without:?}");
    assert_eq!((flags.as_str(), no_flags.as_str()), ("DI", "-"));
    assert!(own < 1000, "the product service took {own} ms");
}

pub(super) fn fault_cart_abort_503(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    let token = &stage.customer.token;
    let _ = stage.customer.put_in_cart("COF-001", 1).expect(200);
    let (with, without) = scenario.measure_with_and_without(|| {
        let before = (
            stage.received_requests("cart"),
            stage.outbound_stat("istio-ingressgateway", "cart", "upstream_rq_retry"),
        );
        let read = stage.gateway.get("/cart").bearer(token).send();
        let item = stage.gateway.put("/cart/items/COF-001").bearer(token);
        let write = item.json(&json!({"quantity": 1})).send();
        let requests = stage.received_requests("cart") - before.0;
        let retried =
            stage.outbound_stat("istio-ingressgateway", "cart", "upstream_rq_retry") - before.1;
        let line = stage.line("istio-ingressgateway", read.header("x-request-id").unwrap());
        // For each order, the order service reads the customer's cart, and later empties it. The scenario must not make these two
        // calls fail.
        let order = stage.customer.order_cart("tok_visa").expect(201);
        assert_eq!(order.json["status"], "confirmed");
        assert_eq!(order.json["items"][0]["sku"], "COF-001");
        assert!(
            stage.received_requests("cart") >= before.0 + requests + 2,
            "the order service did not call the cart service"
        );
        let code = read.json["code"].as_str().map(str::to_owned);
        let kind = read.header("content-type").map(str::to_owned);
        let line = (
            text(&line, "response_flags"),
            text(&line, "response_code_details"),
        );
        (
            read.status,
            write.status,
            code,
            kind,
            requests,
            retried,
            line,
        )
    });
    println!("   with the scenario: {with:?}; without it: {without:?}");
    let (read, write, code, kind, requests, retried, line) = with;
    assert_eq!((read, write, requests, retried), (503, 503, 0, 0));
    assert_eq!(
        (code.as_deref(), kind.as_deref()),
        (Some("unavailable"), Some("application/problem+json"))
    );
    assert_eq!(
        (line.0.as_str(), line.1.as_str()),
        ("FI", "fault_filter_abort")
    );
    let (read, write, _, _, requests, retried, line) = without;
    assert_eq!((read, write, requests, retried), (200, 200, 2, 0));
    assert_eq!(line.0, "-");
}

pub(super) fn fault_inventory_slow(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    let (with, without) = scenario.measure_with_and_without(|| {
        let page = stage
            .gateway
            .get("/product/COF-001")
            .header("x-shop-version", "v2")
            .send();
        let known = page
            .expect(200)
            .json
            .get("available")
            .is_some_and(|available| !available.is_null());
        let (put, putting) = timed(|| stage.customer.put_in_cart("COF-001", 1));
        let (order, ordering) = timed(|| stage.customer.order(&key(), "COF-001", 1, "tok_visa"));
        assert_eq!(
            (put.status, order.status),
            (200, 201),
            "both requests must succeed"
        );
        (known, putting, ordering)
    });
    println!(
        "   (stock known, time of a cart change, time of an order): with the scenario {with:?}; without it {without:?}"
    );
    // For an order, the inventory service is called three times: reserve, extend and commit.
    assert!(
        !with.0 && with.1 >= SECOND && with.2 >= 3 * SECOND,
        "{with:?}"
    );
    assert!(
        without.0 && without.1 < SECOND && without.2 < 3 * SECOND,
        "{without:?}"
    );
}

const READERS: usize = 16;

pub(super) fn pool_inventory_overflow(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    let (with, without) = scenario.measure_with_and_without(|| {
        // The stand-in for inventory holds back all responses until the test sets `gate` to true.
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let held = Arc::clone(&gate);
        let inventory = Stub::start(move |_| {
            let open = held.1.wait_while(held.0.lock().unwrap(), |open| !*open);
            drop(open);
            StubResponse::json(200, json!({}))
        });
        let stand_in = stage.mesh.stand_in("inventory", &inventory);
        let count = |name: &str| stage.outbound_stat("order", "inventory", name);
        let before = (
            count("upstream_rq_pending_overflow"),
            count("upstream_rq_retry"),
        );
        let answers = Mutex::new(Vec::new());
        let mut connections: Vec<_> = (0..READERS).map(|_| stage.outbound("order")).collect();
        let rejected_at_once = std::thread::scope(|scope| {
            let answers = &answers;
            let mut read = |number: usize| {
                let mut connection = connections.pop().unwrap();
                scope.spawn(move || {
                    let call = with_host(Call::get(&format!("/items/POOL-{number}")), "inventory");
                    let (reply, took) = timed(|| connection.send(&call).unwrap());
                    answers.lock().unwrap().push((reply, took));
                });
            };
            // The first of the readers uses the only connection before the other readers start.
            read(0);
            wait_until(EFFECT_TIMEOUT, "the first reader", || {
                !inventory.seen("/").is_empty()
            });
            (1..READERS).for_each(&mut read);
            // Each reader now has a response, waits for a response of the stand-in, or waits for the connection.
            let settled =
                || answers.lock().unwrap().len() + inventory.seen("/").len() >= READERS - 1;
            wait_until(EFFECT_TIMEOUT, "the other readers", settled);
            let rejected_at_once = answers.lock().unwrap().len();
            *gate.0.lock().unwrap() = true;
            gate.1.notify_all();
            rejected_at_once
        });
        drop(stand_in);
        let answers = answers.into_inner().unwrap();
        let (refused, read): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .partition(|(reply, _)| reply.status == 503);
        assert!(
            read.iter().all(|(reply, _)| reply.status == 200),
            "{read:?}"
        );
        for (reply, took) in &refused {
            assert_eq!(reply.header("x-envoy-overloaded"), Some("true"));
            assert_eq!(reply.json()["code"], "unavailable");
            assert!(
                *took < SECOND,
                "the rejection took {took:?}, expected less than a second"
            );
        }
        let overflown = || {
            let lines = stage.mesh.access_log("order").into_iter();
            lines.filter(|line| line["response_flags"] == "UO").count()
        };
        wait_until(EFFECT_TIMEOUT, "lines with the flag UO", || {
            overflown() >= refused.len()
        });
        let counts = (
            count("upstream_rq_pending_overflow") - before.0,
            count("upstream_rq_retry") - before.1,
        );
        let longest = refused.iter().map(|(_, took)| *took).max();
        (rejected_at_once, refused.len(), counts, longest)
    });
    println!(
        "   rejected at once, rejected in total, (overflows, retries), slowest rejection: with the scenario {with:?}; without it {without:?}"
    );
    // One reader uses the only connection, and one reader waits for it. All other readers are rejected.
    assert_eq!(
        (with.0, with.1, with.2),
        (READERS - 2, READERS - 2, (14, 0))
    );
    assert_eq!((without.0, without.1, without.2), (0, 0, (0, 0)));
}
