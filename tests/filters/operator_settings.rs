//! Tests of settings from `stoa fault set` and `stoa canary set` in the compiled filters. The tests control the clock, so delays
//! take no time.

use std::time::Duration;

use serde_json::{Value, json};
use stoa_filter_host::{Filter, Options, Request, Response, Vm};

fn start(name: &str, config: &Value) -> Vm {
    let filter = Filter::load(stoa_testkit::filter(name)).unwrap();
    let vm = filter.start(Options::new()).unwrap();
    vm.configure(config.to_string()).unwrap();
    vm
}

/// The filter payment-fault with these settings, which replace the rule of the manifests.
fn payment_fault(settings: &[&str]) -> Vm {
    let manifest = json!({"rules": [{"name": "default-decline", "percentage": {"numerator": 10},
        "match": {"methods": ["POST"], "path": {"exact": "/payments"}}, "fault": {"decline": {}}}]});
    let settings: Vec<_> = settings.iter().map(|text| (*text).to_owned()).collect();
    let config = payment_fault::operator::set(manifest, &settings).unwrap();
    start("payment-fault", &config)
}

fn payment(key: &str) -> Request {
    Request::post("/payments", "{}").header("idempotency-key", key)
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_delay_setting_delays_every_payment() {
    let vm = payment_fault(&["delay=100%:200ms"]);
    let mut stream = vm.stream();
    assert!(stream.send(payment("k")).is_paused());
    vm.advance(millis(199));
    assert!(stream.request().is_paused());
    // The filter acts only at ticks, every 5 ms.
    vm.advance(millis(6));
    assert_eq!(stream.request().forwarded(), payment("k"));
    let response = stream.answer(Response::ok("done")).forwarded();
    let rule = response.headers.get("x-stoa-fault-rule");
    assert_eq!(rule, Some("set-delay"));
    drop(stream);
    assert_eq!(vm.counter("payment_fault.set-delay.delay"), 1);
    let refund = Request::post("/payments/7/refund", "{}");
    assert!(vm.stream().send(refund).is_forwarded());
}

#[test]
fn a_throttle_limits_the_rate_of_the_response() {
    let vm = payment_fault(&["throttle=100%:1KiB/s"]);
    let mut stream = vm.stream();
    stream.send(payment("k")).forwarded();
    let body = "x".repeat(512);
    assert!(stream.answer(Response::ok(body.clone())).is_paused());
    vm.advance(millis(495));
    assert!(stream.response().is_paused());
    vm.advance(millis(11));
    assert_eq!(stream.response().forwarded().text(), body);
    drop(stream);
    assert_eq!(vm.counter("payment_fault.set-throttle.throttle"), 1);
}

#[test]
fn several_settings_share_one_draw() {
    let vm = payment_fault(&["abort=25%:504", "delay=25%:1s", "decline=50%:do_not_honor"]);
    let orders = 400;
    let [mut aborted, mut delayed, mut declined] = [0; 3];
    for order in 0..orders {
        let mut stream = vm.stream();
        stream.send(payment(&format!("order-{order}")));
        // The filter sends its response at the next tick.
        vm.advance(millis(5));
        let verdict = stream.request();
        if verdict.is_paused() {
            delayed += 1;
            continue;
        }
        let reply = verdict.replied();
        match reply.status() {
            504 => aborted += 1,
            402 => {
                assert!(reply.text().contains("do_not_honor"), "{}", reply.text());
                declined += 1;
            }
            status => panic!("{status}"),
        }
    }
    assert_eq!(aborted + delayed + declined, orders);
    // The tolerances are 4 sigma of 400 orders: 35 orders for a share of 25 %, and 40 orders for a share of 50 %. The keys are the
    // same in every run, so the result never changes.
    assert!((65..=135).contains(&aborted), "{aborted}");
    assert!((65..=135).contains(&delayed), "{delayed}");
    assert!((160..=240).contains(&declined), "{declined}");
}

#[test]
fn a_share_moves_callers_to_a_version_and_off_moves_them_back() {
    use canary_router::operator::{set, turn_off};
    let version = |config: &Value| {
        let vm = start("canary-router", config);
        let request = Request::get("/product");
        let forwarded = vm.stream().send(request).forwarded();
        forwarded.headers.get("x-shop-version").map(str::to_owned)
    };
    let all = set(Value::Null, "product", &["v2=100%".to_owned()]).unwrap();
    assert_eq!(version(&all).as_deref(), Some("v2"));
    let off = turn_off(all, "product").unwrap();
    assert_eq!(version(&off).as_deref(), Some("v1"));
}
