//! Tests of payment-fault.wasm in the filter host. The tests control the clock, so delays take no time.

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

/// A filter with one rule, which matches every request.
fn vm_with_rule(rest: Value) -> Vm {
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

/// Sends a request, and returns what the filter did with it. If the filter pauses the request, first waits for one tick: a filter
/// that decides before the body arrives sends its response at the next tick.
fn verdict_of(vm: &Vm, request: Request) -> Verdict<Request> {
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

/// Asserts that no request is in flight, and that no request counts as delayed.
fn assert_idle(vm: &Vm) {
    assert_eq!(vm.streams(), 0);
    assert_eq!(vm.gauge("payment_fault.delayed"), 0);
}

#[test]
fn by_default_10_percent_of_the_payments_are_declined_with_the_response_of_payment() {
    let vm = vm(&json!({}));
    let mut declined = 0;
    for order in 0..2_000 {
        let request = payment(&format!("order-{order}"));
        let verdict = verdict_of(&vm, request.clone());
        let again = verdict_of(&vm, request.clone());
        assert_eq!(
            verdict.is_forwarded(),
            again.is_forwarded(),
            "a retry must get the same result"
        );
        if verdict.is_forwarded() {
            assert_eq!(
                verdict.forwarded(),
                request,
                "the forwarded request must be unchanged"
            );
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
    // The tolerance of 54 orders is 4 sigma. The keys are the same in every run, so the result never changes.
    assert!((146..=254).contains(&declined), "{declined}");
    assert_eq!(
        vm.counter("payment_fault.default-decline.decline"),
        2 * declined
    );
    assert_idle(&vm);
}

#[test]
fn a_delayed_request_is_forwarded_exactly_after_the_delay() {
    let vm = vm_with_rule(json!({"delay": {"fixed_ms": 200}}));
    let mut stream = vm.stream();
    assert!(stream.send(payment("k")).is_paused());
    assert_eq!(vm.gauge("payment_fault.delayed"), 1);
    vm.advance(millis(199));
    assert!(stream.request().is_paused());
    // The filter acts only at ticks, every 5 ms.
    vm.advance(millis(6));
    assert_eq!(stream.request().forwarded(), payment("k"));
    assert_eq!(vm.gauge("payment_fault.delayed"), 0);
    let answer = stream.answer(Response::ok("done")).forwarded();
    assert_eq!(answer.headers.get("x-stoa-fault-rule"), Some("test"));
    drop(stream);
    assert_eq!(vm.counter("payment_fault.test.delay"), 1);
    assert_idle(&vm);
}

#[test]
fn a_delay_combines_with_a_decline() {
    let vm = vm_with_rule(
        json!({"delay": {"fixed_ms": 50}, "fault": {"decline": {"code": "do_not_honor"}}}),
    );
    let mut stream = vm.stream();
    assert!(stream.send(payment("k")).is_paused());
    vm.advance(millis(60));
    let reply = stream.request().replied();
    assert_eq!(reply.status(), 402);
    assert_eq!(document(&reply.text())["decline_code"], "do_not_honor");
    assert_eq!(vm.counter("payment_fault.test.decline"), 1);
    assert_eq!(vm.counter("payment_fault.test.delay"), 1);
    assert_idle(&vm);
}

#[test]
fn a_client_that_disconnects_during_a_delay_is_no_longer_counted() {
    let vm = vm_with_rule(json!({"delay": {"fixed_ms": 200}}));
    for _ in 0..50 {
        let mut stream = vm.stream();
        assert!(stream.send(payment("k")).is_paused());
        stream.finish();
    }
    assert_idle(&vm);
    vm.advance(Duration::from_secs(1));
    assert_idle(&vm);
}

#[test]
fn a_delayed_request_is_forwarded_after_a_change_of_configuration() {
    let vm = vm_with_rule(json!({"delay": {"fixed_ms": 200}}));
    let mut stream = vm.stream();
    assert!(stream.send(payment("k")).is_paused());
    vm.configure(r#"{"rules": []}"#).unwrap();
    assert!(vm.stream().send(payment("k")).is_forwarded());
    vm.advance(millis(210));
    assert!(stream.request().is_forwarded());
}

#[test]
fn many_requests_can_be_delayed_at_once_with_different_delays() {
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
            // A tick may come up to 5 ms after the end of the delay.
            let paused = stream.request().is_paused();
            assert!(paused || *delay <= now, "{delay} at {now}");
            assert!(!paused || *delay + 5 > now, "{delay} at {now}");
        }
    }
    streams.clear();
    assert_idle(&vm);
}

#[test]
fn an_abort_is_a_problem_document_for_http_and_a_status_for_grpc() {
    let vm = vm_with_rule(json!({"fault": {"abort": {"http_status": 504, "grpc_status": 14}}}));
    let reply = verdict_of(&vm, payment("k")).replied();
    assert_eq!(reply.status(), 504);
    assert_eq!(document(&reply.text())["code"], "fault_injected");
    assert_eq!(reply.grpc_status, None);
    let call =
        Request::post("/pay.Payments/Charge", "").header("content-type", "application/grpc+proto");
    let reply = verdict_of(&vm, call).replied();
    assert_eq!(reply.grpc_status, Some(14));
}

#[test]
fn a_request_with_a_lost_response_reaches_payment_and_the_caller_gets_503() {
    let vm = vm_with_rule(json!({"fault": {"lost_response": {}}}));
    let mut stream = vm.stream();
    assert_eq!(stream.send(payment("k")).forwarded(), payment("k"));
    let reply = stream
        .answer(Response::new(201).body(r#"{"payment_id": "p"}"#))
        .replied();
    assert_eq!(reply.status(), 503);
    assert_eq!(document(&reply.text())["code"], "response_lost");
    assert_eq!(reply.header("x-stoa-fault-rule"), Some("test"));
    assert_idle(&vm);
}

#[test]
fn only_a_successful_response_can_be_lost() {
    let vm = vm_with_rule(json!({"fault": {"lost_response": {}}}));
    let mut stream = vm.stream();
    stream.send(payment("k")).forwarded();
    let declined = Response::new(402).body("declined");
    assert_eq!(stream.answer(declined).forwarded().text(), "declined");
}

#[test]
fn a_throttled_response_is_not_faster_than_its_rate() {
    let vm = vm_with_rule(json!({"fault": {"throttle": {"bytes_per_second": 1000}}}));
    let mut stream = vm.stream();
    stream.send(payment("k")).forwarded();
    assert!(stream.answer(Response::ok("x".repeat(500))).is_paused());
    vm.advance(millis(495));
    assert!(stream.response().is_paused());
    vm.advance(millis(11));
    assert_eq!(stream.response().forwarded().body.len(), 500);
    drop(stream);
    assert_idle(&vm);
}

#[test]
fn a_body_is_matched_only_up_to_the_configured_size() {
    let config = |max: u64| {
        json!({"max_body_bytes": max, "rules": [{"name": "large", "fault": {"decline": {"code": "limit"}},
            "match": {"methods": ["POST"], "body": [{"pointer": "/amount/amount", "min": 1000}]}}]})
    };
    let vm_with_limit = |max| vm(&config(max));
    let body = r#"{"amount": {"amount": 5000}, "card_token": "tok_visa"}"#;
    let enough = vm_with_limit(body.len() as u64);
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
    let too_small = vm_with_limit(body.len() as u64 - 1);
    assert!(
        too_small
            .stream()
            .send(Request::post("/payments", body))
            .is_forwarded()
    );
    assert_eq!(too_small.counter("payment_fault.body.too-long"), 1);
    assert_idle(&enough);
}

#[test]
fn a_body_in_pieces_or_with_trailers_is_matched_as_a_whole() {
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
fn a_request_that_waits_for_its_body_gets_only_one_draw() {
    const REQUESTS: usize = 2_000;
    let vm = vm(&json!({"log": {"numerator": 0}, "rules": [
        {"name": "fifth", "percentage": {"numerator": 20}, "fall_through": true, "fault": {"decline": {}}},
        {"name": "small", "fault": {"decline": {}}, "match": {"body": [{"pointer": "/amount/amount", "max": 1}]}}]}));
    let replied =
        (0..REQUESTS).filter(|key| verdict_of(&vm, payment(&key.to_string())).is_replied());
    let declined = replied.count();
    // The tolerance of 72 requests is 4 sigma of 2,000 draws. The host's random numbers are the same in every run, so the test is
    // not flaky.
    assert!(declined.abs_diff(REQUESTS / 5) <= 72, "{declined}");
    assert_eq!(vm.counter("payment_fault.fifth.decline"), declined as u64);
}

#[test]
fn max_active_faults_limits_the_faults_at_the_same_time() {
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
fn a_rule_ends_at_its_until_time() {
    let start = std::time::UNIX_EPOCH + Duration::from_secs(1_798_740_000 - 10);
    let vm = FILTER.start(Options::new().clock(start)).unwrap();
    vm.configure(
        r#"{"rules": [{"name": "r", "until": "2026-12-31T18:00:00Z", "fault": {"decline": {}}}]}"#,
    )
    .unwrap();
    assert!(verdict_of(&vm, payment("k")).is_replied());
    vm.advance(Duration::from_secs(10));
    assert!(vm.stream().send(payment("k")).is_forwarded());
}

#[test]
fn only_permitted_callers_can_request_a_fault_by_header() {
    let vm = vm(&json!({"rules": [], "header_faults": {"principals": [ORDER]}}));
    let fault_request = || payment("k").header("x-stoa-fault", "abort=503");
    assert!(vm.stream().send(fault_request()).is_forwarded());
    let mut cart = vm.stream();
    cart.set_property(
        "connection.uri_san_peer_certificate",
        "spiffe://cluster.local/ns/shop/sa/cart",
    );
    assert!(cart.send(fault_request()).is_forwarded());
    let mut order = vm.stream();
    order.set_property("connection.uri_san_peer_certificate", ORDER);
    assert!(order.send(fault_request()).is_paused());
    vm.advance(millis(5));
    assert_eq!(order.request().replied().status(), 503);
    assert_eq!(vm.counter("payment_fault.by_header.abort"), 1);
    let mut order = vm.stream();
    order.set_property("connection.uri_san_peer_certificate", ORDER);
    assert!(
        order
            .send(payment("k").header("x-stoa-fault", "boom"))
            .is_forwarded()
    );
    assert_eq!(vm.counter("payment_fault.by_header.unreadable"), 1);
    for old_name in ["abort", "misread"] {
        let counter = format!("payment_fault.asked.{old_name}");
        assert_eq!(vm.counter(&counter), 1, "{counter}");
    }
    assert!(
        vm.logs()
            .iter()
            .any(|log| log.message.contains("\"boom\": expected one of"))
    );
}

#[test]
fn the_response_does_not_report_the_rule_if_report_rule_is_false() {
    let vm = vm(&json!({"report_rule": false, "rules": [{"name": "r", "fault": {"decline": {}}}]}));
    assert_eq!(
        verdict_of(&vm, payment("k"))
            .replied()
            .header("x-stoa-fault-rule"),
        None
    );
}

#[test]
fn the_old_key_tell_works_and_logs_a_warning() {
    let vm = vm(&json!({"tell": false, "rules": [{"name": "r", "fault": {"decline": {}}}]}));
    let response = verdict_of(&vm, payment("k"));
    assert_eq!(response.replied().header("x-stoa-fault-rule"), None);
    let warnings = vm.logs();
    let warning = "payment-fault: pluginConfig: tell: renamed to report_rule; release 0.3 rejects the old name";
    assert!(
        warnings.iter().any(|log| log.message == warning),
        "{warnings:?}"
    );
}

#[test]
fn the_configured_share_of_faults_is_logged() {
    let logged = |share: u64| {
        let vm = vm(
            &json!({"log": {"numerator": share}, "rules": [{"name": "r", "fault": {"decline": {}}}]}),
        );
        for _ in 0..100 {
            verdict_of(&vm, payment("k")).replied();
        }
        vm.logs().len()
    };
    assert_eq!((logged(0), logged(100)), (0, 100));
}

#[test]
fn the_log_reports_all_faults_of_a_rejected_configuration() {
    let vm = FILTER.start(Options::new()).unwrap();
    let refused = vm
        .configure(r#"{"rules": [{"fault": {}}], "x": 1}"#)
        .unwrap_err()
        .to_string();
    for fault in [
        "payment-fault: pluginConfig: rules[0].name: missing",
        "payment-fault: pluginConfig: rules[0].fault: expected exactly one of",
        "payment-fault: pluginConfig: x: unknown member; expected one of enabled, rules",
    ] {
        assert!(refused.contains(fault), "{refused}");
    }
}

#[test]
fn headers_with_invalid_text_do_not_cause_a_failure() {
    let vm = vm(&json!({}));
    let request = payment("k")
        .header("x-request-id", vec![0xff, 0xfe])
        .header("idempotency-key", vec![0xff]);
    vm.stream().send(request);
    assert!(vm.trap().is_none());
}
