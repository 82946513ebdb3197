//! Tests of commands that report on a running mesh, and of commands that change it.

use std::process::{Command, Output};

use stoa_testkit::{Shop, ShopOptions, workspace};

use crate::customer::{Customer, address, card, key};

fn stoa(shop: &Shop, arguments: &[&str]) -> Output {
    let mut command = Command::new(workspace().join("target/native/stoa"));
    command.current_dir(workspace()).args(arguments);
    command
        .arg("--state-dir")
        .arg(shop.state_dir())
        .output()
        .unwrap()
}

/// Runs a command that must succeed. Returns its standard output.
pub(crate) fn stdout_of(shop: &Shop, arguments: &[&str]) -> String {
    let output = stoa(shop, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must fail with an error that contains `words`.
fn assert_fails(shop: &Shop, arguments: &[&str], words: &str) {
    let output = stoa(shop, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{arguments:?}");
    assert!(error.contains(words), "{arguments:?}: {error}");
}

#[test]
fn commands_report_on_and_change_a_running_mesh() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let customer = Customer::register(&shop, "ann");
    let gateway = shop.gateway();

    let status = stdout_of(&shop, &["mesh", "status"]);
    assert_eq!(status.lines().count(), 14, "{status}");
    assert!(
        !status.contains("REJECTED") && !status.contains("STALE"),
        "{status}"
    );
    for (command, words) in [
        ("routes", "outbound|80||partners.partners.svc.cluster.local"),
        ("clusters", "processor"),
        ("endpoints", "HEALTHY"),
        ("listeners", "80"),
        ("config", "\"configs\""),
        ("authz", "spiffe://cluster.local/ns/shop/sa/order"),
        ("log-level", "rbac: warning"),
    ] {
        let stdout = stdout_of(&shop, &["mesh", command, "payment"]);
        let words = if command == "clusters" {
            "partners"
        } else {
            words
        };
        assert!(stdout.contains(words), "{command}: {stdout}");
        assert!(
            !stdout.contains("BEGIN PRIVATE KEY") && !stdout.contains("BEGIN EC PRIVATE KEY"),
            "{command} shows a key"
        );
    }
    // Options of the commands filter the output, or select JSON as its format.
    let json = |arguments: &[&str]| -> serde_json::Value {
        let arguments = [arguments, &["-o", "json"]].concat();
        serde_json::from_str(&stdout_of(&shop, &arguments)).unwrap()
    };
    let clusters = json(&[
        "mesh",
        "clusters",
        "order",
        "--fqdn",
        "payment.shop",
        "--port",
        "80",
    ]);
    assert_eq!(clusters.as_array().map(Vec::len), Some(1), "{clusters}");
    let routes = json(&["mesh", "routes", "order", "--name", "80"]);
    assert_eq!(routes[0]["name"], "80");
    let status = json(&["mesh", "status"]);
    assert_eq!(status.as_array().map(Vec::len), Some(13), "{status}");
    // HTTP and HTTPS have the same routes at the gateway.
    let routes = stdout_of(&shop, &["mesh", "routes", "istio-ingressgateway"]);
    let notification = "   /notification   ";
    assert_eq!(routes.matches(notification).count(), 1, "{routes}");
    let widest = routes.lines().map(str::len).max().unwrap_or(0);
    println!("the longest line of the gateway's routes has {widest} columns");
    let access_log = || stdout_of(&shop, &["mesh", "logs", "user", "--tail", "1"]);
    stoa_testkit::wait_until(
        crate::customer::EFFECT_TIMEOUT,
        "the log of a log-in",
        || access_log().contains("/user/"),
    );
    assert_eq!(access_log().lines().count(), 1);
    stdout_of(&shop, &["mesh", "logs", "user", "--envoy"]);
    let level = stdout_of(&shop, &["mesh", "log-level", "payment", "rbac:debug"]);
    assert!(level.contains("rbac: debug"), "{level}");
    assert_fails(
        &shop,
        &["mesh", "routes", "paymnt"],
        "did you mean shop/payment-v1-0",
    );

    // Moves all callers to v2 with `stoa canary`, and back to v1.
    let version = || {
        let answer = gateway.get("/product/COF-001").send().expect(200);
        answer.header("x-shop-version").unwrap().to_owned()
    };
    stdout_of(&shop, &["canary", "set", "product", "v2=100%"]);
    assert!((0..20).all(|_| version() == "v2"));
    let current = stdout_of(&shop, &["canary", "get", "product"]);
    let shown = "product: v1=0% v2=100%, set in ";
    assert!(current.starts_with(shown), "{current}");
    stdout_of(&shop, &["canary", "set", "product", "off"]);
    assert!((0..20).all(|_| version() == "v1"));
    stdout_of(&shop, &["canary", "set", "product", "reset"]);
    for (setting, words) in [
        ("v3=5%", "expected one of v1, v2"),
        ("v2=101%", "from 0% to 100%"),
        ("v2", "expected VERSION=SHARE"),
    ] {
        assert_fails(&shop, &["canary", "set", "product", setting], words);
    }
    assert_fails(
        &shop,
        &["canary", "set", "cart", "v2=5%"],
        "expected one of product",
    );

    // Compiles a scenario into the state folder. The running shop then activates the scenario.
    let name = "fault-product-delay";
    let scenario = shop.state_dir().join("mesh/scenario").join(name);
    let marked = format!("* {name}");
    assert!(!stdout_of(&shop, &["scenario", "list"]).contains('*'));
    stoa_testkit::mesh::compile(&[&format!("istio/scenarios/{name}")], &scenario);
    let read = || {
        let begun = std::time::Instant::now();
        let _ = gateway.get("/product/COF-001").send().expect(200);
        begun.elapsed()
    };
    let delay = std::time::Duration::from_secs(1);
    let soon = crate::customer::EFFECT_TIMEOUT;
    stoa_testkit::wait_until(soon, "the delay", || read() >= delay);
    let list = stdout_of(&shop, &["scenario", "list"]);
    assert!(
        list.contains(&marked) && list.contains("takes one second longer"),
        "{list}"
    );
    stdout_of(&shop, &["scenario", "off"]);
    stoa_testkit::wait_until(soon, "the end of the delay", || read() < delay);
    assert_eq!(
        stdout_of(&shop, &["scenario", "off"]),
        "no scenario is in force\n"
    );

    // Injects faults into payments, and removes the faults again.
    let order = || {
        let body = serde_json::json!({"shipping_address": address(), "payment": card("tok_visa"), "items": [{"sku": "COF-001", "quantity": 1}]});
        customer.post("/order", &key(), &body).status
    };
    stdout_of(&shop, &["fault", "set", "payment", "decline=100%"]);
    assert_eq!(order(), 402);
    stdout_of(&shop, &["fault", "set", "payment", "abort=100%"]);
    assert_eq!(order(), 503);
    stdout_of(&shop, &["fault", "set", "payment", "off"]);
    assert_eq!(order(), 201);
    assert_fails(
        &shop,
        &["fault", "set", "payment", "explode=3%"],
        "expected one of decline, abort, lost_response",
    );
    assert_fails(
        &shop,
        &["fault", "set", "cart", "off"],
        "no Envoy has the filter cart-fault, so faults for cart cannot be set; services with a fault filter: payment",
    );

    // The metrics count the requests and the faults of this test.
    let metrics = || {
        let client = stoa_testkit::Client::new(shop.operator().base());
        client.get("/metrics").send().expect(200).text()
    };
    let counted = |page: &str, words: &[&str]| {
        page.lines()
            .any(|line| words.iter().all(|word| line.contains(word)))
    };
    let declined = [
        "istio_requests_total{",
        "reporter=\"source\"",
        "source_workload=\"order-v1\"",
        "destination_service_name=\"payment\"",
        "response_code=\"402\"",
    ];
    stoa_testkit::wait_until(
        crate::customer::EFFECT_TIMEOUT,
        "the declined charge",
        || counted(&metrics(), &declined),
    );
    let page = metrics();
    for words in [
        &[
            "istio_requests_total{",
            "reporter=\"destination\"",
            "destination_workload=\"product-v2\"",
            "connection_security_policy=\"mutual_tls\"",
        ][..],
        &[
            "istio_request_duration_milliseconds_bucket{",
            "destination_service_name=\"payment\"",
        ],
        &["envoy_cluster_upstream_rq_total{", "pod=\"order-v1-0\""],
        &["payment_fault_set_decline", "pod=\"payment-v1-0\""],
    ] {
        assert!(counted(&page, words), "{words:?}");
    }
}
