//! payment-fault.wasm in the filter host. The test controls the clock, so delays take no time.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use stoa_filter_host::{Filter, Options, Request, Response, Stream, Verdict, Vm};

static FILTER: LazyLock<Filter> =
    LazyLock::new(|| Filter::load(stoa_testkit::filter("payment-fault")).unwrap());

const ORDER: &str = "spiffe://cluster.local/ns/shop/sa/order";

fn vm(config: &Value) -> Vm {
    let vm = FILTER.start(Options::new()).unwrap();
    vm.configure(config.to_string()).unwrap();
    vm
}

/// One rule for every request.
fn rule(rest: Value) -> Vm {
    let mut rule = json!({"name": "test"});
    rule.as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    vm(&json!({"rules": [rule], "log": {"numerator": 100}}))
}

fn payment(key: &str) -> Request {
    let body = r#"{"order_id": "7", "amount": {"amount": 1999, "currency": "EUR"}, "card_token": "tok_visa"}"#;
    Request::post("/payments", body)
        .header("idempotency-key", key)
        .header("content-type", "application/json")
        .header("x-request-id", "request-1")
}

/// The verdict on a request within a tick: a response chosen before the body arrives is sent at the next tick.
fn ask(vm: &Vm, request: Request) -> Verdict<Request> {
    let mut stream = vm.stream();
    if stream.send(request).is_paused() {
        vm.advance(millis(5));
    }
    stream.request()
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Asserts that no request is left, and that none counts as in flight.
fn is_quiet(vm: &Vm) {
    assert_eq!(vm.streams(), 0);
    assert_eq!(vm.gauge("payment_fault.delayed"), 0);
}

#[test]
fn by_default_it_declines_a_tenth_of_the_payments_as_payment_would() {
    let vm = vm(&json!({}));
    let mut declined = 0;
    for order in 0..2_000 {
        let request = payment(&format!("order-{order}"));
        let verdict = ask(&vm, request.clone());
        let again = ask(&vm, request.clone());
        assert_eq!(verdict.is_forwarded(), again.is_forwarded(), "a retry");
        if verdict.is_forwarded() {
            assert_eq!(verdict.forwarded(), request, "untouched");
            continue;
        }
        declined += 1;
        let reply = verdict.replied();
        assert_eq!(reply.status(), 402);
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(reply.header("x-stoa-fault-rule"), Some("default-decline"));
        let expected = json!({"type": "about:blank", "title": "Payment Required", "status": 402,
            "detail": "the card processor declined the payment: card_declined", "instance": "/payments",
            "code": "payment_declined", "request_id": "request-1", "decline_code": "card_declined"});
        assert_eq!(document(&reply.text()), expected);
    }
    // The keys are fixed, so the result never changes; 4 sigma are 54.
    assert!((146..=254).contains(&declined), "{declined}");
    assert_eq!(
        vm.counter("payment_fault.default-decline.decline"),
        2 * declined
    );
    is_quiet(&vm);
}

#[test]
fn a_delay_holds_a_request_up_for_its_time_and_no_longer() {
    let vm = rule(json!({"delay": {"fixed_ms": 200}}));
    let mut stream = vm.stream();
    assert!(stream.send(payment("k")).is_paused());
    assert_eq!(vm.gauge("payment_fault.delayed"), 1);
    vm.advance(millis(199));
    assert!(stream.request().is_paused());
    // Ticks are 5 ms apart.
    vm.advance(millis(6));
    assert_eq!(stream.request().forwarded(), payment("k"));
    assert_eq!(vm.gauge("payment_fault.delayed"), 0);
    let answer = stream.answer(Response::ok("done")).forwarded();
    assert_eq!(answer.headers.get("x-stoa-fault-rule"), Some("test"));
    drop(stream);
    assert_eq!(vm.counter("payment_fault.test.delay"), 1);
    is_quiet(&vm);
}

#[test]
fn a_delay_combines_with_a_decline() {
    let vm =
        rule(json!({"delay": {"fixed_ms": 50}, "fault": {"decline": {"code": "do_not_honor"}}}));
    let mut stream = vm.stream();
    assert!(stream.send(payment("k")).is_paused());
    vm.advance(millis(60));
    let reply = stream.request().replied();
    assert_eq!(reply.status(), 402);
    assert_eq!(document(&reply.text())["decline_code"], "do_not_honor");
    assert_eq!(vm.counter("payment_fault.test.decline"), 1);
    assert_eq!(vm.counter("payment_fault.test.delay"), 1);
    is_quiet(&vm);
}

#[test]
fn a_client_that_leaves_while_he_waits_leaves_nothing_behind() {
    let vm = rule(json!({"delay": {"fixed_ms": 200}}));
    for _ in 0..50 {
        let mut stream = vm.stream();
        assert!(stream.send(payment("k")).is_paused());
        stream.finish();
    }
    is_quiet(&vm);
    vm.advance(Duration::from_secs(1));
    is_quiet(&vm);
}

#[test]
fn a_request_that_waits_is_let_go_across_a_change_of_configuration() {
    let vm = rule(json!({"delay": {"fixed_ms": 200}}));
    let mut stream = vm.stream();
    assert!(stream.send(payment("k")).is_paused());
    vm.configure(r#"{"rules": []}"#).unwrap();
    assert!(vm.stream().send(payment("k")).is_forwarded());
    vm.advance(millis(210));
    assert!(stream.request().is_forwarded());
}

#[test]
fn many_wait_at_once_each_for_his_time() {
    let vm = vm(&json!({"rules": [], "header_faults": {"principals": [ORDER], "match": {}}}));
    let mut streams: Vec<(u64, Stream)> = (1..=100_u64)
        .map(|n| {
            let mut stream = vm.stream();
            stream.set_property("connection.uri_san_peer_certificate", ORDER);
            let request = payment("k").header("x-stoa-fault", format!("delay={}", n * 10));
            assert!(stream.send(request).is_paused());
            (n * 10, stream)
        })
        .collect();
    assert_eq!(vm.gauge("payment_fault.delayed"), 100);
    for now in (10..=1_010).step_by(10) {
        vm.advance(millis(10));
        for (delay, stream) in &mut streams {
            // A tick may be 5 ms late.
            let paused = stream.request().is_paused();
            assert!(paused || *delay <= now, "{delay} at {now}");
            assert!(!paused || *delay + 5 > now, "{delay} at {now}");
        }
    }
    streams.clear();
    is_quiet(&vm);
}

#[test]
fn an_abort_is_a_problem_document_for_http_and_a_status_for_grpc() {
    let vm = rule(json!({"fault": {"abort": {"http_status": 504, "grpc_status": 14}}}));
    let reply = ask(&vm, payment("k")).replied();
    assert_eq!(reply.status(), 504);
    assert_eq!(document(&reply.text())["code"], "fault_injected");
    assert_eq!(reply.grpc_status, None);
    let call =
        Request::post("/pay.Payments/Charge", "").header("content-type", "application/grpc+proto");
    let reply = ask(&vm, call).replied();
    assert_eq!(reply.grpc_status, Some(14));
}

#[test]
fn a_lost_response_reaches_payment_and_not_the_caller() {
    let vm = rule(json!({"fault": {"lost_response": {}}}));
    let mut stream = vm.stream();
    assert_eq!(stream.send(payment("k")).forwarded(), payment("k"));
    let reply = stream
        .answer(Response::new(201).body(r#"{"payment_id": "p"}"#))
        .replied();
    assert_eq!(reply.status(), 503);
    assert_eq!(document(&reply.text())["code"], "response_lost");
    assert_eq!(reply.header("x-stoa-fault-rule"), Some("test"));
    is_quiet(&vm);
}

#[test]
fn only_a_success_can_be_lost() {
    let vm = rule(json!({"fault": {"lost_response": {}}}));
    let mut stream = vm.stream();
    stream.send(payment("k")).forwarded();
    let declined = Response::new(402).body("declined");
    assert_eq!(stream.answer(declined).forwarded().text(), "declined");
}

#[test]
fn a_throttled_answer_comes_no_faster_than_its_rate() {
    let vm = rule(json!({"fault": {"throttle": {"bytes_per_second": 1000}}}));
    let mut stream = vm.stream();
    stream.send(payment("k")).forwarded();
    assert!(stream.answer(Response::ok("x".repeat(500))).is_paused());
    vm.advance(millis(495));
    assert!(stream.response().is_paused());
    vm.advance(millis(11));
    assert_eq!(stream.response().forwarded().body.len(), 500);
    drop(stream);
    is_quiet(&vm);
}

#[test]
fn a_body_is_looked_into_as_far_as_configured() {
    let config = |max: u64| {
        json!({"max_body_bytes": max, "rules": [{"name": "large", "fault": {"decline": {"code": "limit"}},
            "match": {"methods": ["POST"], "body": [{"pointer": "/amount/amount", "min": 1000}]}}]})
    };
    let vm_of = |max| vm(&config(max));
    let body = r#"{"amount": {"amount": 5000}, "card_token": "tok_visa"}"#;
    let enough = vm_of(body.len() as u64);
    let sent = enough.stream().send(Request::post("/payments", body));
    let reply = sent.replied();
    assert_eq!(document(&reply.text())["decline_code"], "limit");
    let little = body.replace("5000", "999");
    assert_eq!(
        enough
            .stream()
            .send(Request::post("/payments", little.as_str()))
            .forwarded()
            .text(),
        little
    );
    let too_small = vm_of(body.len() as u64 - 1);
    assert!(
        too_small
            .stream()
            .send(Request::post("/payments", body))
            .is_forwarded()
    );
    assert_eq!(too_small.counter("payment_fault.body.too-long"), 1);
    is_quiet(&enough);
}

#[test]
fn a_body_in_pieces_or_with_trailers_is_looked_into_as_a_whole() {
    let vm = vm(&json!({"rules": [{"name": "eur", "fault": {"decline": {}},
        "match": {"body": [{"pointer": "/currency", "one_of": ["EUR"]}]}}]}));
    let head = payment("k").headers;
    let mut stream = vm.stream();
    stream.request_headers(head.clone(), false);
    for piece in [&b"{\"curr"[..], b"ency\": \"E"] {
        assert!(!stream.request_body(piece, false).is_replied());
    }
    assert_eq!(stream.request_body(b"UR\"}", true).replied().status(), 402);

    let mut stream = vm.stream();
    stream.request_headers(head, false);
    stream.request_body(b"{\"currency\": \"EUR\"}", false);
    let trailers = Request::get("/").trailer("x-checksum", "1").trailers;
    assert_eq!(stream.request_trailers(trailers).replied().status(), 402);
}

#[test]
fn a_request_that_waits_for_its_body_is_drawn_once() {
    const REQUESTS: usize = 2_000;
    let vm = vm(&json!({"log": {"numerator": 0}, "rules": [
        {"name": "fifth", "percentage": {"numerator": 20}, "fall_through": true, "fault": {"decline": {}}},
        {"name": "small", "fault": {"decline": {}}, "match": {"body": [{"pointer": "/amount/amount", "max": 1}]}}]}));
    let asked = (0..REQUESTS).filter(|key| ask(&vm, payment(&key.to_string())).is_replied());
    let declined = asked.count();
    // The host's random numbers are the same in every run; 4 sigma are 72.
    assert!(declined.abs_diff(REQUESTS / 5) <= 72, "{declined}");
    assert_eq!(vm.counter("payment_fault.fifth.decline"), declined as u64);
}

#[test]
fn at_most_so_many_faults_are_at_work_at_a_time() {
    let vm = vm(
        &json!({"max_active_faults": 2, "rules": [{"name": "slow", "delay": {"fixed_ms": 100}}]}),
    );
    let mut held: Vec<Stream> = (0..2)
        .map(|_| {
            let mut stream = vm.stream();
            assert!(stream.send(payment("k")).is_paused());
            stream
        })
        .collect();
    assert!(vm.stream().send(payment("k")).is_forwarded());
    assert_eq!(vm.counter("payment_fault.slow.limited"), 1);
    held.pop();
    assert!(vm.stream().send(payment("k")).is_paused());
}

#[test]
fn a_rule_dies_at_its_end() {
    let start = std::time::UNIX_EPOCH + Duration::from_secs(1_798_740_000 - 10);
    let vm = FILTER.start(Options::new().clock(start)).unwrap();
    vm.configure(
        r#"{"rules": [{"name": "r", "until": "2026-12-31T18:00:00Z", "fault": {"decline": {}}}]}"#,
    )
    .unwrap();
    assert!(ask(&vm, payment("k")).is_replied());
    vm.advance(Duration::from_secs(10));
    assert!(vm.stream().send(payment("k")).is_forwarded());
}

#[test]
fn a_fault_is_given_to_who_may_ask_for_it() {
    let vm = vm(&json!({"rules": [], "header_faults": {"principals": [ORDER]}}));
    let asks = || payment("k").header("x-stoa-fault", "abort=503");
    assert!(vm.stream().send(asks()).is_forwarded());
    let mut cart = vm.stream();
    cart.set_property(
        "connection.uri_san_peer_certificate",
        "spiffe://cluster.local/ns/shop/sa/cart",
    );
    assert!(cart.send(asks()).is_forwarded());
    let mut order = vm.stream();
    order.set_property("connection.uri_san_peer_certificate", ORDER);
    assert!(order.send(asks()).is_paused());
    vm.advance(millis(5));
    assert_eq!(order.request().replied().status(), 503);
    assert_eq!(vm.counter("payment_fault.asked.abort"), 1);
    let mut order = vm.stream();
    order.set_property("connection.uri_san_peer_certificate", ORDER);
    assert!(
        order
            .send(payment("k").header("x-stoa-fault", "boom"))
            .is_forwarded()
    );
    assert_eq!(vm.counter("payment_fault.asked.misread"), 1);
    assert!(
        vm.logs()
            .iter()
            .any(|log| log.message.contains("boom is not one of"))
    );
}

#[test]
fn it_can_act_without_telling() {
    let vm = vm(&json!({"tell": false, "rules": [{"name": "r", "fault": {"decline": {}}}]}));
    assert_eq!(
        ask(&vm, payment("k")).replied().header("x-stoa-fault-rule"),
        None
    );
}

#[test]
fn acts_are_logged_by_the_share_that_is_configured() {
    let logged = |share: u64| {
        let vm = vm(
            &json!({"log": {"numerator": share}, "rules": [{"name": "r", "fault": {"decline": {}}}]}),
        );
        for _ in 0..100 {
            ask(&vm, payment("k")).replied();
        }
        vm.logs().len()
    };
    assert_eq!((logged(0), logged(100)), (0, 100));
}

#[test]
fn a_bad_configuration_is_refused_and_the_log_says_all_that_is_wrong() {
    let vm = FILTER.start(Options::new()).unwrap();
    let refused = vm
        .configure(r#"{"rules": [{"fault": {}}], "x": 1}"#)
        .unwrap_err()
        .to_string();
    for fault in [
        "payment-fault: pluginConfig: rules[0].name: missing",
        "payment-fault: pluginConfig: rules[0].fault: expected exactly one of",
        "payment-fault: pluginConfig: x: unknown; expected one of enabled, rules",
    ] {
        assert!(refused.contains(fault), "{refused}");
    }
}

#[test]
fn headers_that_are_no_text_are_no_reason_to_fail() {
    let vm = vm(&json!({}));
    let request = payment("k")
        .header("x-request-id", vec![0xff, 0xfe])
        .header("idempotency-key", vec![0xff]);
    vm.stream().send(request);
    assert!(vm.trap().is_none());
}
