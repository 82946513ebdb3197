//! Tests of `stoa_testkit::envoy`, with filters that are part of Envoy and with the filter payment-fault.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use stoa_testkit::envoy::{
    Authority, Call, Filter, Identity, Response, Route, Scenario, Setup, Upstream,
};

/// A configuration with which payment-fault declines this percentage of all payments.
fn decline(percent: u32) -> Value {
    json!({"rules": [{
        "name": "test",
        "match": {"methods": ["POST"], "path": {"exact": "/payments"}},
        "percentage": {"numerator": percent},
        "fault": {"decline": {}},
    }]})
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    owned.collect()
}

#[test]
fn headers_bodies_and_trailers_are_unchanged_in_both_directions() {
    let shop = Upstream::start(|_| {
        Response::status(201)
            .header("x-first", "1")
            .header("x-again", "a")
            .header("x-again", "b")
            .chunks(["ab", "", "c"])
            .trailer("x-end", "z")
    });
    let envoy = Setup::new().cluster("shop", shop.address()).start();
    let mut connection = envoy.connect();
    let call = Call::post("/x?y")
        .header("x-again", "a")
        .header("te", "trailers")
        .header("x-again", "b")
        .chunks(["de", "f"])
        .trailer("x-end", "u");
    let reply = connection.send(&call).unwrap().expect(201);
    assert_eq!(
        (reply.text(), reply.trailer("x-end")),
        ("abc".into(), Some("z"))
    );
    assert_eq!(reply.all("x-again"), ["a", "b"]);
    assert_eq!(
        reply.headers[..3],
        pairs(&[("x-first", "1"), ("x-again", "a"), ("x-again", "b")])
    );
    let seen = shop.take_requests();
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str()),
        ("POST", "/x?y")
    );
    assert_eq!(
        (&seen[0].body[..], seen[0].all("x-again")),
        (&b"def"[..], vec!["a", "b"])
    );
    assert_eq!(seen[0].trailers, pairs(&[("x-end", "u")]));
    for (call, body) in [
        (Call::new("HEAD", "/"), ""),
        (Call::post("/").body("g"), "abc"),
    ] {
        assert_eq!(connection.send(&call).unwrap().expect(201).text(), body);
    }
    assert_eq!(
        (shop.seen().len(), &shop.seen()[1].body[..]),
        (2, &b"g"[..])
    );
}

#[test]
fn native_filters_run_before_routes_that_match_headers_and_weights() {
    let [v1, v2] = ["v1", "v2"].map(Upstream::named);
    let envoy = Setup::new()
        .filter(Filter::native(
            "envoy.filters.http.fault",
            json!({
                "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
                "abort": {"http_status": 418, "percentage": {"numerator": 100}},
                "headers": [{"name": "x-abort", "present_match": true}],
            }),
        ))
        .cluster("v1", v1.address())
        .cluster("v2", v2.address())
        .route(Route::prefix("/").header("x-shop-version", "v2").to("v2"))
        .route(Route::prefix("/none").weighted(&[("v1", 100), ("v2", 0)]))
        .route(Route::prefix("/").answers(404, "no upstream"))
        .start();
    let to = |path: &str, header: &str| envoy.send(Call::get(path).header(header, "v2"));
    assert_eq!(to("/", "x-shop-version").expect(200).text(), "v2");
    assert_eq!(to("/none", "x-other").expect(200).text(), "v1");
    assert_eq!(to("/", "x-other").expect(404).text(), "no upstream");
    let _ = to("/", "x-abort").expect(418);
    assert_eq!(
        envoy.wait_for_stat("http.test.fault.aborts_injected", |n| n > 0),
        1
    );
    assert_eq!(envoy.stat("http.test.fault.no_such"), None);
    assert_eq!(envoy.admin("/server_info").json["state"], "LIVE");
}

#[test]
fn a_running_filter_applies_a_pushed_configuration_and_keeps_it_if_the_next_one_is_rejected() {
    let payment = Upstream::start(|_| Response::status(201));
    let envoy = Setup::new()
        .filter(Filter::built("payment-fault", decline(0)))
        .cluster("payment", payment.address())
        .concurrency(2)
        .start();
    let mut connections = [envoy.connect(), envoy.connect(), envoy.connect()];
    let mut pay = |status| {
        for connection in &mut connections {
            let call = Call::post("/payments").json(&json!({"amount": 1}));
            let _ = connection.send(&call).unwrap().expect(status);
        }
    };
    pay(201);
    envoy.push_config("payment-fault", decline(100)).unwrap();
    pay(402);
    let refused = envoy.push_config("payment-fault", json!({"nonsense": 1}));
    let log = refused.unwrap_err().log;
    assert!(log.contains("nonsense"), "{log}");
    pay(402);
    envoy.push_config("payment-fault", decline(0)).unwrap();
    pay(201);
    assert_eq!(payment.seen().len(), 6);
}

#[test]
fn the_log_reports_a_configuration_that_envoy_rejects_at_start() {
    let wrong = Filter::native(
        "none",
        json!({"@type": "type.googleapis.com/no.such.Filter"}),
    );
    let log = Setup::new().filter(wrong).try_start().err().unwrap();
    assert!(log.contains("no.such.Filter"), "{log}");
}

#[test]
fn an_upstream_can_delay_a_response_disconnect_and_stop() {
    let shop = Upstream::start(|seen| match seen.path.as_str() {
        "/slow" => Response::default().after(Duration::from_millis(200)),
        _ => Response::disconnect(),
    });
    let envoy = Setup::new().cluster("shop", shop.address()).start();
    let slow = envoy.send(Call::get("/slow")).expect(200);
    assert!(slow.headers_after >= Duration::from_millis(200), "{slow:?}");
    let _ = envoy.send(Call::get("/")).expect(503);
    assert_eq!(shop.seen().len(), 2);
    shop.stop();
    let _ = envoy.send(Call::get("/slow")).expect(503);
    assert_eq!(shop.seen().len(), 2);
}

#[test]
fn a_listener_with_mutual_tls_identifies_its_callers_and_rejects_strangers() {
    let authority = Authority::new();
    let order = authority.identity("spiffe://cluster.local/ns/shop/sa/order");
    let header = json!({
        "header": {"key": "x-caller", "value": "%DOWNSTREAM_PEER_URI_SAN%"},
    });
    let envoy = Setup::new()
        .mtls(&authority.identity("spiffe://cluster.local/ns/shop/sa/payment"))
        .route(Route::prefix("/").then(json!({
            "direct_response": {"status": 200},
            "response_headers_to_add": [header],
        })))
        .start();
    let mut connection = envoy.connect_as(&order);
    for _ in 0..2 {
        let reply = connection.send(&Call::get("/")).unwrap().expect(200);
        let caller = reply.header("x-caller");
        assert_eq!(caller, Some("spiffe://cluster.local/ns/shop/sa/order"));
    }
    let stranger = Authority::new().identity("spiffe://cluster.local/ns/shop/sa/order");
    let mut rejected = envoy.connect_as(&Identity {
        authority: order.authority,
        ..stranger
    });
    assert!(rejected.send(&Call::get("/")).is_err());
    assert!(envoy.try_send(Call::get("/")).is_err(), "without TLS");
}

#[test]
fn dropping_an_envoy_ends_its_process() {
    let envoy = Setup::new().start();
    let process = format!("/proc/{}", envoy.pid());
    assert!(Path::new(&process).exists());
    drop(envoy);
    assert!(!Path::new(&process).exists());
}

#[test]
fn a_scenario_cleans_up_in_reverse_order_and_reports_the_failed_step_with_envoys_log() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let clean_up = |step: &'static str| {
        let order = order.clone();
        move || order.lock().unwrap().push(step)
    };
    let failure = catch_unwind(AssertUnwindSafe(|| {
        let mut scenario = Scenario::new("a shop");
        let shop = scenario.step("start the shop", || Upstream::named("shop"));
        scenario.clean_up(clean_up("first"));
        let setup = Setup::new().cluster("shop", shop.address());
        let envoy = scenario.start("start Envoy", setup);
        scenario.clean_up(clean_up("second"));
        let reply = scenario.step("send a request", || envoy.send(Call::get("/")));
        scenario.step("check the response", || drop(reply.expect(402)));
    }));
    let message = *failure.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.starts_with("a shop: step `check the response` failed: "),
        "{message}"
    );
    let earlier = "earlier steps: start the shop, start Envoy, send a request";
    assert!(message.contains(earlier), "{message}");
    assert!(message.contains("the end of Envoy's log"), "{message}");
    assert_eq!(*order.lock().unwrap(), ["second", "first"]);
}
