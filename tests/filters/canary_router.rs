//! Tests of canary-router.wasm in the filter host.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use stoa_filter_host::{Filter, Headers, Options, Request, Response, Vm};

use crate::product_config;

static FILTER: LazyLock<Filter> =
    LazyLock::new(|| Filter::load(stoa_testkit::filter("canary-router")).unwrap());

fn vm(config: &Value) -> Vm {
    let vm = FILTER.start(Options::new()).unwrap();
    vm.configure(config.to_string()).unwrap();
    vm
}

/// All values of a header, as text.
fn values<'h>(headers: &'h Headers, name: &'h str) -> Vec<&'h str> {
    headers
        .all(name)
        .map(|value| str::from_utf8(value).unwrap())
        .collect()
}

/// Advances the clock by a second, after which the filter has updated its counters.
fn update_counters(vm: &Vm) {
    vm.advance(Duration::from_secs(1));
}

fn cookie(answer: &Response) -> Vec<&str> {
    values(&answer.headers, "set-cookie")
}

#[test]
fn a_new_caller_gets_a_version_a_header_and_one_cookie_and_keeps_them() {
    let vm = vm(&json!({}));
    let mut on_v2 = 0;
    for _ in 0..1_000 {
        let mut first = vm.stream();
        let request = first.send(Request::get("/product")).forwarded();
        let version = request.headers.get("x-shop-version").unwrap().to_owned();
        assert!(first.route_cache_clears() > 0);
        let answer = first.answer(Response::ok("list")).forwarded();
        assert_eq!(answer.headers.get("x-shop-version"), Some(version.as_str()));
        let set = cookie(&answer);
        assert_eq!(set.len(), 1, "{set:?}");
        assert!(
            set[0].ends_with("; Path=/; Max-Age=2592000; SameSite=Lax; HttpOnly; Secure"),
            "{set:?}"
        );

        let session = set[0].split(';').next().unwrap();
        let mut next = vm.stream();
        let request = next
            .send(Request::get("/product").header("cookie", session))
            .forwarded();
        assert_eq!(
            request.headers.get("x-shop-version"),
            Some(version.as_str())
        );
        assert!(cookie(&next.answer(Response::ok("list")).forwarded()).is_empty());
        on_v2 += u64::from(version == "v2");
    }
    update_counters(&vm);
    let counted = |reason: &str| vm.counter(&format!("canary_router.product.v2.{reason}"));
    assert_eq!((counted("random"), counted("session-hash")), (on_v2, on_v2));
    // 10 % of the 1,000 callers should get v2, and the tolerance of 57 callers is 6 sigma. The draws are random here, so one run in
    // a billion may fail.
    assert!((43..=157).contains(&on_v2), "{on_v2}");
}

#[test]
fn equal_seeds_of_the_host_give_equal_sessions() {
    let sessions = |seed: u64| {
        let vm = FILTER.start(Options::new().seed(seed)).unwrap();
        vm.configure("").unwrap();
        let session = || {
            let mut stream = vm.stream();
            stream.send(Request::get("/product")).forwarded();
            let answer = stream.answer(Response::ok("")).forwarded();
            cookie(&answer)[0].to_owned()
        };
        [session(), session(), session()]
    };
    let [one, two, three] = sessions(1);
    assert!(one != two && two != three && one != three);
    assert_eq!(sessions(1), [one.clone(), two, three]);
    assert_ne!(sessions(2)[0], one);
}

#[test]
fn a_version_from_outside_is_overwritten_unless_the_configuration_permits_it() {
    let asks_for_v2 = Request::get("/product").header("x-shop-version", "v2");
    let sent = |config: &Value, inside: bool| {
        let vm = vm(config);
        let mut stream = vm.stream();
        if inside {
            stream.set_property(
                "connection.uri_san_peer_certificate",
                "spiffe://cluster.local/ns/shop/sa/cart",
            );
        }
        let request = stream.send(asks_for_v2.clone()).forwarded();
        let version = values(&request.headers, "x-shop-version").join("+");
        (version, stream.route_cache_clears() > 0)
    };
    let closed = product_config(0, json!({}));
    assert_eq!(sent(&closed, false), ("v1".to_owned(), true));
    assert_eq!(
        sent(&closed, true),
        ("v2".to_owned(), false),
        "a version from inside the mesh is unchanged"
    );
    let open = product_config(0, json!({"choose": {"from_outside": ["x-shop-version"]}}));
    assert_eq!(sent(&open, false), ("v2".to_owned(), false));
}

#[test]
fn the_user_is_the_subject_of_the_token_that_jwt_authn_verified() {
    let config = product_config(
        0,
        json!({"choose": {"users": [{"version": "v2", "names": ["ann"]}]}}),
    );
    let vm = vm(&config);
    let claim = |payload: &'static str| {
        [
            "metadata",
            "filter_metadata",
            "envoy.filters.http.jwt_authn",
            payload,
            "sub",
        ]
    };
    let with = |payload, user: &str| {
        let mut stream = vm.stream();
        stream.set_property(claim(payload), user);
        let request = Request::get("/product").header("authorization", "Bearer verified");
        let request = stream.send(request).forwarded();
        request.headers.get("x-shop-version").unwrap().to_owned()
    };
    assert_eq!(with("payload", "ann"), "v2");
    assert_eq!(with("payload", "bob"), "v1");
    assert_eq!(with("elsewhere", "ann"), "v1");
    update_counters(&vm);
    assert_eq!(vm.counter("canary_router.product.v2.user"), 1);
    assert_eq!(vm.counter("canary_router.product.v1.user-hash"), 1);
}

#[test]
fn the_version_header_and_the_cookie_of_the_service_are_kept() {
    let vm = vm(&product_config(0, json!({})));
    let mut stream = vm.stream();
    stream.send(Request::get("/product")).forwarded();
    let upstream = Response::ok("x")
        .header("x-shop-version", "v2")
        .header("set-cookie", "shop-session=1; Path=/");
    let answer = stream.answer(upstream).forwarded();
    assert_eq!(values(&answer.headers, "x-shop-version"), ["v2"]);
    assert_eq!(
        cookie(&answer),
        ["shop-session=1; Path=/"],
        "the filter adds no second cookie"
    );
}

#[test]
fn several_services_have_a_header_each() {
    let mut config = product_config(10_000, json!({}));
    config["services"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "cart", "stable": "a",
        "versions": [{"name": "a", "weight": 10_000}]}));
    let vm = vm(&config);
    let mut stream = vm.stream();
    let request = stream.send(Request::get("/")).forwarded();
    assert_eq!(request.headers.get("x-shop-version"), Some("v2"));
    assert_eq!(request.headers.get("x-cart-version"), Some("a"));
    let answer = stream.answer(Response::ok("")).forwarded();
    assert_eq!(answer.headers.get("x-cart-version"), Some("a"));
    assert_eq!(
        cookie(&answer).len(),
        1,
        "all services share one session cookie"
    );
}

#[test]
fn the_kill_switch_takes_effect_with_the_next_request() {
    let open = json!({"choose": {"from_outside": ["x-shop-version"]}});
    let vm = vm(&product_config(10_000, open.clone()));
    let sent = || {
        let request = Request::get("/product").header("x-shop-version", "v2");
        let request = vm.stream().send(request).forwarded();
        request.headers.get("x-shop-version").unwrap().to_owned()
    };
    assert_eq!(sent(), "v2");
    let mut killed = product_config(10_000, open);
    killed["everyone_on_stable"] = json!(true);
    vm.configure(killed.to_string()).unwrap();
    assert_eq!(sent(), "v1");
    update_counters(&vm);
    assert_eq!(vm.counter("canary_router.product.v1.kill-switch"), 1);
}

#[test]
fn a_user_counts_without_a_token_header_if_the_configuration_sets_jwt_header_to_false() {
    let mut config = product_config(
        0,
        json!({"choose": {"users": [{"version": "v2", "names": ["ann"]}]}}),
    );
    let sent = |config: &Value| {
        let vm = vm(config);
        let mut stream = vm.stream();
        stream.set_property(
            [
                "metadata",
                "filter_metadata",
                "envoy.filters.http.jwt_authn",
                "payload",
                "sub",
            ],
            "ann",
        );
        let request = stream.send(Request::get("/product")).forwarded();
        request.headers.get("x-shop-version").unwrap().to_owned()
    };
    assert_eq!(sent(&config), "v1");
    config["jwt"] = json!({"header": false});
    assert_eq!(sent(&config), "v2");
}

#[test]
fn the_log_reports_all_faults_of_a_rejected_configuration() {
    let vm = FILTER.start(Options::new()).unwrap();
    let refused = vm
        .configure(r#"{"services": [{"name": "a"}], "x": 1}"#)
        .unwrap_err()
        .to_string();
    for fault in [
        "canary-router: pluginConfig: services[0].versions: missing",
        "canary-router: pluginConfig: services[0].stable: missing",
        "canary-router: pluginConfig: x: unknown",
    ] {
        assert!(refused.contains(fault), "{refused}");
    }
}

#[test]
fn headers_with_invalid_text_do_not_cause_a_failure() {
    let vm = vm(&product_config(
        5_000,
        json!({"choose": {"cookie": "v", "query": "v"}}),
    ));
    let request = Request::get("/product")
        .header("x-shop-version", vec![0xff])
        .header("cookie", vec![0xfe, b'=', 0xff]);
    assert!(vm.stream().send(request).is_forwarded());
    assert!(vm.trap().is_none());
}
