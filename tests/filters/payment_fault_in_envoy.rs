//! Tests of payment-fault.wasm in a real Envoy, in front of an upstream that records its requests.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use stoa_testkit::envoy::{
    Authority, Call, Envoy, Filter, Received, Reply, Response, Scenario, Setup, Upstream,
};

const ORDER: &str = "spiffe://cluster.local/ns/shop/sa/order";
const CART: &str = "spiffe://cluster.local/ns/shop/sa/cart";

fn payment(key: &str) -> Call {
    Call::post("/payments")
        .header("idempotency-key", key)
        .json(&json!({"order_id": "7", "amount": {"amount": 1999, "currency": "EUR"}, "card_token": "tok_visa"}))
}

/// An upstream that responds like the payment service without faults.
fn payment_upstream() -> Upstream {
    Upstream::start(|_: &Received| Response::status(201).json(&json!({"status": "captured"})))
}

fn setup(upstream: &Upstream, config: &Value) -> Setup {
    Setup::new()
        .filter(Filter::built("payment-fault", config))
        .cluster("payment", upstream.address())
}

/// An Envoy whose filter has one rule, which matches every request.
fn envoy_with_rule(rest: Value) -> (Upstream, Envoy) {
    let mut rule = json!({"name": "test"});
    rule.as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    let upstream = payment_upstream();
    let envoy = setup(&upstream, &json!({"rules": [rule]})).start();
    (upstream, envoy)
}

fn counter(envoy: &Envoy, name: &str) -> u64 {
    envoy
        .stat(&format!("wasmcustom.payment_fault.{name}"))
        .unwrap_or_default()
}

#[test]
fn by_default_10_percent_of_all_orders_are_declined_and_a_retry_gets_the_same_result() {
    const ORDERS: usize = 20_000;
    let mut scenario = Scenario::new("the default rate");
    let upstream = scenario.step("start payment", payment_upstream);
    let envoy = scenario.start("start Envoy", setup(&upstream, &json!({})));
    let declined = scenario.step("pay for every order, over one connection", || {
        let mut connection = envoy.connect();
        let mut pay = |order: usize| {
            connection
                .send(&payment(&format!("order-{order}")))
                .unwrap()
        };
        let declined: Vec<usize> = (0..ORDERS)
            .filter(|order| pay(*order).status == 402)
            .collect();
        for order in declined.iter().take(50) {
            assert_eq!(pay(*order).status, 402, "the retry of order {order}");
        }
        declined
    });
    scenario.step("count", || {
        // 10 % of the 20,000 orders should be declined, and the tolerance of 170 orders is 4 sigma. The keys are the same in every
        // run, so the result never changes.
        assert!(
            declined.len().abs_diff(ORDERS / 10) <= 170,
            "{}",
            declined.len()
        );
        assert_eq!(
            upstream.take_requests().len(),
            ORDERS - declined.len(),
            "payment is not called"
        );
        let acts = declined.len() + 50;
        assert_eq!(counter(&envoy, "default-decline.decline"), acts as u64);
    });
    println!("{} of {ORDERS} orders declined", declined.len());
}

#[test]
fn random_draws_have_the_configured_share() {
    const REQUESTS: u64 = 20_000;
    let (_upstream, envoy) = envoy_with_rule(
        json!({"percentage": {"numerator": 1000, "denominator": 10_000}, "fault": {"decline": {}}}),
    );
    let mut connection = envoy.connect();
    let declined = (0..REQUESTS)
        .filter(|_| connection.send(&Call::get("/payments")).unwrap().status == 402)
        .count();
    // 2,000 declines are expected, and the tolerance of 212 is 5 sigma. By chance alone, the test fails once in 1.7 million runs.
    assert!(declined.abs_diff(2_000) <= 212, "{declined} of {REQUESTS}");
}

#[test]
fn a_decline_has_the_response_of_payment_and_keeps_the_connection_open() {
    let (upstream, envoy) =
        envoy_with_rule(json!({"fault": {"decline": {"code": "do_not_honor"}}}));
    let reply = envoy.send(payment("k")).expect(402);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(reply.header("x-stoa-fault-rule"), Some("test"));
    assert_eq!(
        reply.header("connection"),
        None,
        "the connection stays open for the next payment"
    );
    let document = reply.json();
    assert_eq!(document["code"], "payment_declined");
    assert_eq!(document["decline_code"], "do_not_honor");
    assert_eq!(document["instance"], "/payments");
    // Envoy adds an id to every request.
    assert_eq!(
        document["request_id"].as_str().map(str::len),
        Some(36),
        "{document}"
    );
    assert!(upstream.seen().is_empty());
}

#[test]
fn delayed_requests_are_forwarded_after_the_delay() {
    let (upstream, envoy) = envoy_with_rule(json!({"delay": {"fixed_ms": 300}}));
    let envoy = Arc::new(envoy);
    let waiting: Vec<_> = (0..8)
        .map(|key| {
            let envoy = Arc::clone(&envoy);
            thread::spawn(move || envoy.send(payment(&key.to_string())))
        })
        .collect();
    envoy.wait_for_stat("wasmcustom.payment_fault.delayed", |waiting| waiting > 0);
    for reply in waiting {
        let reply = reply.join().unwrap().expect(201);
        assert!(reply.took >= Duration::from_millis(300), "{:?}", reply.took);
        assert_eq!(reply.header("x-stoa-fault-rule"), Some("test"));
    }
    assert_eq!(upstream.seen().len(), 8);
    assert_eq!(envoy.stat("wasmcustom.payment_fault.delayed"), Some(0));
    assert_eq!(counter(&envoy, "test.delay"), 8);
}

#[test]
fn a_delayed_request_is_forwarded_after_a_change_of_configuration() {
    let (_upstream, envoy) = envoy_with_rule(json!({"delay": {"fixed_ms": 1000}}));
    let envoy = Arc::new(envoy);
    let waiting = thread::spawn({
        let envoy = Arc::clone(&envoy);
        move || envoy.send(payment("k"))
    });
    envoy.wait_for_stat("wasmcustom.payment_fault.delayed", |waiting| waiting == 1);
    envoy
        .push_config("payment-fault", json!({"rules": []}))
        .unwrap();
    assert_eq!(
        envoy
            .send(payment("k"))
            .expect(201)
            .header("x-stoa-fault-rule"),
        None
    );
    let reply = waiting.join().unwrap().expect(201);
    assert!(
        reply.took >= Duration::from_millis(1000),
        "{:?}",
        reply.took
    );
}

#[test]
fn a_client_that_disconnects_during_a_delay_is_no_longer_counted() {
    let (_upstream, envoy) = envoy_with_rule(json!({"delay": {"fixed_ms": 60_000}}));
    let delayed = "wasmcustom.payment_fault.delayed";
    let leaving: Vec<_> = (0..5)
        .map(|_| {
            use std::io::Write as _;
            let mut client = std::net::TcpStream::connect(envoy.address()).unwrap();
            client
                .write_all(b"GET /payments HTTP/1.1\r\nhost: shop.test\r\n\r\n")
                .unwrap();
            client
        })
        .collect();
    envoy.wait_for_stat(delayed, |waiting| waiting == 5);
    drop(leaving);
    envoy.wait_for_stat(delayed, |waiting| waiting == 0);
}

#[test]
fn a_request_with_a_lost_response_is_charged_and_the_caller_gets_503() {
    let (upstream, envoy) = envoy_with_rule(json!({"fault": {"lost_response": {}}}));
    let reply = envoy.send(payment("k")).expect(503);
    assert_eq!(reply.json()["code"], "response_lost");
    assert_eq!(reply.header("x-stoa-fault-rule"), Some("test"));
    assert_eq!(upstream.seen().len(), 1, "payment captured");
    assert_eq!(counter(&envoy, "test.lost_response"), 1);
}

#[test]
fn a_rejection_by_payment_is_not_lost() {
    let upstream = Upstream::start(|_: &Received| Response::status(402).body("no"));
    let config = json!({"rules": [{"name": "test", "fault": {"lost_response": {}}}]});
    let envoy = setup(&upstream, &config).start();
    assert_eq!(envoy.send(payment("k")).expect(402).text(), "no");
}

#[test]
fn an_abort_of_a_grpc_call_is_a_grpc_status() {
    let (_upstream, envoy) =
        envoy_with_rule(json!({"fault": {"abort": {"http_status": 504, "grpc_status": 14}}}));
    assert_eq!(
        envoy.send(payment("k")).expect(504).json()["code"],
        "fault_injected"
    );
    let call = Call::post("/pay.Payments/Charge")
        .header("content-type", "application/grpc")
        .body("x");
    let reply = envoy.send(call).expect(200);
    assert_eq!(reply.header("grpc-status"), Some("14"));
}

#[test]
fn each_value_of_a_repeated_header_is_matched_separately() {
    let (_upstream, envoy) = envoy_with_rule(json!({"fault": {"decline": {}},
        "match": {"headers": [{"name": "x-test", "exact": "yes"}]}}));
    let send = |[first, second]: [&str; 2]| {
        let call = Call::get("/payments").header("x-test", first);
        envoy.send(call.header("x-test", second)).status
    };
    assert_eq!([send(["yes", "yes"]), send(["no", "yes"])], [402, 402]);
    assert_eq!(send(["no", "yes,yes"]), 201);
}

#[test]
fn a_body_is_matched_as_a_whole_and_forwarded_unchanged() {
    let upstream = payment_upstream();
    let config = json!({"max_body_bytes": 1000, "rules": [{"name": "large", "fault": {"decline": {"code": "limit"}},
        "match": {"methods": ["POST"], "body": [{"pointer": "/amount/amount", "min": 1000}]}}]});
    let envoy = setup(&upstream, &config).start();
    let body = |amount: u64, padding: usize| {
        json!({"amount": {"amount": amount}, "padding": "x".repeat(padding)}).to_string()
    };
    let send = |body: &str| envoy.send(Call::post("/payments").body(body));
    assert_eq!(send(&body(1000, 10)).status, 402);
    let passes = [
        body(999, 10),
        body(5000, 2000),
        body(5000, 200_000),
        "no json".to_owned(),
    ];
    for body in &passes {
        assert_eq!(send(body).status, 201);
    }
    let seen: Vec<_> = upstream
        .take_requests()
        .into_iter()
        .map(|received| received.body)
        .collect();
    assert_eq!(
        seen,
        passes.map(String::into_bytes),
        "bodies are forwarded unchanged"
    );
    assert_eq!(counter(&envoy, "body.too-long"), 2);
    let pieces = Call::post("/payments").chunks(["{\"amount\": {\"am", "ount\": 10", "00}}"]);
    assert_eq!(envoy.send(pieces).status, 402);
}

#[test]
fn a_throttled_response_is_complete_and_not_faster_than_its_rate() {
    let upstream = Upstream::start(|_: &Received| Response::default().body("x".repeat(1_000)));
    let config =
        json!({"rules": [{"name": "slow", "fault": {"throttle": {"bytes_per_second": 2000}}}]});
    let envoy = setup(&upstream, &config).start();
    let reply = envoy.send(Call::get("/payments/1")).expect(200);
    assert_eq!(reply.body.len(), 1_000);
    assert!(reply.took >= Duration::from_millis(500), "{:?}", reply.took);
    assert!(reply.headers_after < reply.took, "only the body is slow");
}

#[test]
fn the_identity_of_a_caller_comes_from_its_certificate() {
    let upstream = payment_upstream();
    let authority = Authority::new();
    let config = json!({"rules": [], "header_faults": {"principals": [ORDER]}});
    let envoy = setup(&upstream, &config)
        .mtls(&authority.identity("spiffe://cluster.local/ns/shop/sa/payment"))
        .start();
    let fault_request = payment("k").header("x-stoa-fault", "decline=do_not_honor");
    let send_as = |identity: &str| -> Reply {
        let mut connection = envoy.connect_as(&authority.identity(identity));
        connection.send(&fault_request).unwrap()
    };
    assert_eq!(
        send_as(ORDER).expect(402).json()["decline_code"],
        "do_not_honor"
    );
    assert_eq!(send_as(CART).status, 201);
}

#[test]
fn a_caller_with_the_secret_can_request_a_fault_without_a_certificate() {
    let upstream = payment_upstream();
    let config = json!({"rules": [], "header_faults": {"secret": "correcthorsebattery"}});
    let envoy = setup(&upstream, &config).start();
    let status_with = |value: &str| {
        envoy
            .send(payment("k").header("x-stoa-fault", value))
            .status
    };
    assert_eq!(status_with("abort=418; secret=correcthorsebattery"), 418);
    assert_eq!(status_with("abort=418; secret=wronghorsebattery00"), 201);
    assert_eq!(status_with("abort=418"), 201);
}

#[test]
fn an_invalid_configuration_is_rejected_with_all_faults_and_the_previous_configuration_stays() {
    let (_upstream, envoy) = envoy_with_rule(json!({"fault": {"decline": {}}}));
    let rejected = envoy
        .push_config(
            "payment-fault",
            json!({"rules": [{"fault": {}}], "colour": "red"}),
        )
        .unwrap_err();
    for fault in [
        "pluginConfig: rules[0].name: missing",
        "pluginConfig: rules[0].fault: expected exactly one of decline, abort, lost_response, throttle",
        "pluginConfig: colour: unknown member; expected one of enabled, rules",
    ] {
        assert!(rejected.log.contains(fault), "{}", rejected.log);
    }
    assert_eq!(envoy.send(payment("k")).status, 402);
    envoy
        .push_config("payment-fault", json!({"enabled": false}))
        .unwrap();
    assert_eq!(envoy.send(payment("k")).status, 201);
}

#[test]
fn headers_with_invalid_text_do_not_cause_a_failure() {
    use std::io::{Read as _, Write as _};
    let upstream = payment_upstream();
    let envoy = setup(&upstream, &json!({})).start();
    let mut client = std::net::TcpStream::connect(envoy.address()).unwrap();
    let head = b"POST /payments HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\nx-request-id: \xff\xfe\r\nidempotency-key: \xff\r\ncontent-length: 0\r\n\r\n";
    client.write_all(head).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 201") || answer.starts_with("HTTP/1.1 402"),
        "{answer}"
    );
    assert_eq!(
        envoy.send(Call::get("/payments")).status,
        201,
        "the filter still works"
    );
}
