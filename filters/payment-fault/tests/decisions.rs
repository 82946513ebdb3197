//! Tests which fault a request gets.
#![expect(
    clippy::unwrap_used,
    reason = "a configuration that cannot be read fails the test"
)]

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use payment_fault::config::Config;
use payment_fault::decision::{Decision, decide};
use payment_fault::delay::Delay;
use payment_fault::fault::{Fault, abort, decline};
use payment_fault::request::{Body, Request};

#[derive(Default, Clone)]
struct Fake {
    headers: HashMap<String, Vec<Vec<u8>>>,
    principal: Option<String>,
}

impl Request for Fake {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.headers.get(name)?.first().cloned()
    }

    fn headers(&self, name: &str) -> Vec<Vec<u8>> {
        self.headers.get(name).cloned().unwrap_or_default()
    }

    fn principal(&self) -> Option<Vec<u8>> {
        self.principal.clone().map(String::into_bytes)
    }
}

impl Fake {
    fn new(method: &str, path: &str) -> Self {
        Self::default().with(":method", method).with(":path", path)
    }

    fn payment(key: &str) -> Self {
        Self::new("POST", "/payments").with("idempotency-key", key)
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        let values = self.headers.entry(name.to_owned()).or_default();
        values.push(value.into());
        self
    }

    fn from(mut self, account: &str) -> Self {
        self.principal = Some(format!("spiffe://cluster.local/ns/shop/sa/{account}"));
        self
    }
}

fn config(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap()
}

/// A configuration with one rule, which aborts all requests that match `matcher`.
fn matching(matcher: &str) -> Config {
    config(&format!(
        r#"{{"rules": [{{"name": "r", "match": {matcher}, "fault": {{"abort": {{"http_status": 503}}}}}}]}}"#
    ))
}

fn decide_with_zeros<'c>(config: &'c Config, request: &Fake, body: Body<'_>) -> Decision<'c> {
    decide(config, request, body, &mut || 0, SystemTime::now)
}

fn gets_fault(config: &Config, request: &Fake) -> bool {
    matches!(
        decide_with_zeros(config, request, Body::Complete(b"")),
        Decision::Inject(_)
    )
}

fn gets_fault_with_body(config: &Config, body: &str) -> bool {
    let request = Fake::payment("k");
    assert_eq!(
        decide_with_zeros(config, &request, Body::NotYet),
        Decision::AwaitBody
    );
    let decision = decide_with_zeros(config, &request, Body::Complete(body.as_bytes()));
    matches!(decision, Decision::Inject(_))
}

#[test]
fn by_default_ten_percent_of_the_payments_are_declined_and_a_retry_gets_the_same_outcome() {
    let config = config("");
    let orders = 20_000;
    let declined = (0..orders)
        .filter(|order| {
            let request = Fake::payment(&format!("order-{order}"));
            let first = decide_with_zeros(&config, &request, Body::NotYet);
            assert_eq!(
                first,
                decide_with_zeros(&config, &request, Body::Complete(b"{}"))
            );
            match first {
                Decision::Inject(injection) => {
                    assert_eq!(injection.fault, Some(Fault::default()));
                    true
                }
                Decision::Pass => false,
                other => panic!("{other:?}"),
            }
        })
        .count();
    // The tolerance of 170 payments is 4 sigma of 20,000 draws at 10 %. The list of keys is fixed, so the result is always the
    // same.
    assert!((1_830..=2_170).contains(&declined), "{declined}");
}

#[test]
fn by_default_other_requests_pass_unchanged() {
    let config = config("{}");
    for request in [
        Fake::new("GET", "/payments"),
        Fake::new("POST", "/payments/7/refund"),
        Fake::new("POST", "/paymentsx"),
    ] {
        for key in 0..200 {
            let request = request.clone().with("idempotency-key", &key.to_string());
            assert_eq!(
                decide_with_zeros(&config, &request, Body::NotYet),
                Decision::Pass
            );
        }
    }
}

#[test]
fn another_seed_selects_other_keys_and_without_a_key_the_choice_is_random() {
    let by = |seed: &str| {
        config(&format!(
            r#"{{"rules": [{{"name": "r", "percentage": {{"numerator": 50}}, "fault": {{"decline": {{}}}},
                "by": {{"header": "idempotency-key", "seed": "{seed}"}}}}]}}"#
        ))
    };
    let (one, other) = (by("1"), by("2"));
    let differ = (0..1_000)
        .map(|key| Fake::payment(&key.to_string()))
        .filter(|request| gets_fault(&one, request) != gets_fault(&other, request))
        .count();
    assert!((400..600).contains(&differ), "{differ}");
    let keyless = Fake::new("POST", "/payments");
    let with = |roll| {
        let body = Body::Complete(b"");
        decide(&one, &keyless, body, &mut || roll, SystemTime::now)
    };
    assert!(matches!(with(0), Decision::Inject(_)));
    assert_eq!(with(u64::MAX), Decision::Pass);
}

/// Tries 1,000 evenly spaced rolls, and returns the number of rolls for which `rule` injects its fault.
fn count_injections(config: &Config, request: &Fake, rule: &str) -> usize {
    let step = u64::MAX / 1_000;
    let rolls = (0..1_000).map(|n| n * step + step / 2);
    rolls
        .filter(|roll| {
            let mut once = Some(*roll);
            let mut dice = || once.take().unwrap();
            let decision = decide(
                config,
                request,
                Body::Complete(b""),
                &mut dice,
                SystemTime::now,
            );
            matches!(decision, Decision::Inject(injection) if injection.rule == rule)
        })
        .count()
}

#[test]
fn the_shares_of_rules_that_fall_through_do_not_overlap() {
    let config = config(
        r#"{"rules": [
            {"name": "a", "percentage": {"numerator": 20}, "fall_through": true, "fault": {"abort": {"http_status": 503}}},
            {"name": "other", "match": {"methods": ["GET"]}, "fall_through": true, "fault": {"decline": {}}},
            {"name": "b", "percentage": {"numerator": 10}, "fault": {"lost_response": {}}},
            {"name": "c", "fault": {"decline": {}}}]}"#,
    );
    let count_injections = |rule| count_injections(&config, &Fake::payment("k"), rule);
    assert_eq!(
        [
            count_injections("a"),
            count_injections("b"),
            count_injections("other")
        ],
        [200, 100, 0]
    );
    assert_eq!(
        count_injections("c"),
        0,
        "rule b does not set fall_through, so rule c is not tried"
    );
}

#[test]
fn shares_above_100_percent_in_total_are_cut_in_rule_order() {
    let rule = |name: &str| {
        format!(
            r#"{{"name": "{name}", "percentage": {{"numerator": 60}}, "fall_through": true, "fault": {{"decline": {{}}}}}}"#
        )
    };
    let rules = ["a", "b", "c"].map(rule).join(", ");
    let config = config(&format!(r#"{{"rules": [{rules}]}}"#));
    let shares = ["a", "b", "c"].map(|rule| count_injections(&config, &Fake::payment("k"), rule));
    assert_eq!(shares, [600, 400, 0]);
}

#[test]
fn rules_that_fall_through_use_the_hash_key_of_the_first_rule() {
    let config = config(
        r#"{"rules": [
            {"name": "a", "percentage": {"numerator": 50}, "by": {"header": "idempotency-key"}, "fall_through": true,
             "fault": {"decline": {}}},
            {"name": "b", "percentage": {"numerator": 50}, "by": {"header": "idempotency-key", "seed": "another"},
             "fault": {"abort": {"http_status": 503}}}]}"#,
    );
    let injected = (0..1_000).filter(|key| gets_fault(&config, &Fake::payment(&key.to_string())));
    assert_eq!(
        injected.count(),
        1_000,
        "the rules use one draw, so their two shares of 50 % cover every request"
    );
}

#[test]
fn percentages_are_exact_at_0_at_100_and_at_one_millionth() {
    let share = |text: &str| {
        config(&format!(
            r#"{{"rules": [{{"name": "r", "percentage": {text}, "fault": {{"decline": {{}}}}}}]}}"#
        ))
    };
    let with = |config: &Config, roll: u64| {
        let decision = decide(
            config,
            &Fake::payment("k"),
            Body::NotYet,
            &mut || roll,
            SystemTime::now,
        );
        matches!(decision, Decision::Inject(_))
    };
    let none = share(r#"{"numerator": 0}"#);
    let all = share(r#"{"numerator": 10000, "denominator": 10000}"#);
    for roll in [0, 1, u64::MAX / 2, u64::MAX] {
        assert!(!with(&none, roll) && with(&all, roll));
    }
    let finest = share(r#"{"numerator": 1, "denominator": 1000000}"#);
    // The rule selects the lowest millionth of all rolls.
    assert!(with(&finest, u64::MAX / 1_000_000) && !with(&finest, u64::MAX / 1_000_000 + 2));
}

#[test]
fn a_path_is_matched_without_its_query() {
    let exact = matching(r#"{"path": {"exact": "/payments"}}"#);
    assert!(gets_fault(&exact, &Fake::new("POST", "/payments?x=/other")));
    assert!(!gets_fault(&exact, &Fake::new("POST", "/payments/1")));
    let prefix = matching(r#"{"path": {"prefix": "/payments/"}}"#);
    assert!(gets_fault(&prefix, &Fake::new("GET", "/payments/1?y")));
    assert!(!gets_fault(&prefix, &Fake::new("GET", "/other?/payments/")));
    let suffix = matching(r#"{"path": {"suffix": "/refund"}}"#);
    assert!(gets_fault(
        &suffix,
        &Fake::new("POST", "/payments/1/refund?a=b")
    ));
}

#[test]
fn all_header_tests_must_pass() {
    let both = matching(
        r#"{"headers": [{"name": "X-A", "prefix": "b"}, {"name": "x-c", "present": false}]}"#,
    );
    let request = Fake::new("GET", "/").with("x-a", "bcd");
    assert!(gets_fault(&both, &request));
    assert!(!gets_fault(&both, &request.clone().with("x-c", "")));
    assert!(!gets_fault(&both, &Fake::new("GET", "/")));
    let again = |value| {
        gets_fault(
            &both,
            &Fake::new("GET", "/").with("x-a", value).with("x-a", "b"),
        )
    };
    assert!(
        again("c") && again("b"),
        "each value of a repeated header is tested separately"
    );
    let neither = Fake::new("GET", "/").with("x-a", "c").with("x-a", ",b");
    assert!(!gets_fault(&both, &neither));
}

#[test]
fn the_identity_of_a_caller_comes_from_its_certificate_only() {
    let order = matching(r#"{"principals": ["spiffe://cluster.local/ns/shop/sa/order"]}"#);
    assert!(gets_fault(&order, &Fake::new("GET", "/").from("order")));
    assert!(!gets_fault(&order, &Fake::new("GET", "/").from("cart")));
    let forged = Fake::new("GET", "/").with(
        "x-forwarded-client-cert",
        "URI=spiffe://cluster.local/ns/shop/sa/order",
    );
    assert!(!gets_fault(&order, &forged));
}

#[test]
fn a_body_is_matched_by_amount_currency_and_token() {
    let body = |amount: &str, currency: &str, token: &str| {
        format!(
            r#"{{"amount": {{"amount": {amount}, "currency": "{currency}"}}, "card_token": "{token}"}}"#
        )
    };
    let rule = matching(
        r#"{"body": [{"pointer": "/amount/amount", "min": 1000, "max": 2000},
            {"pointer": "/amount/currency", "one_of": ["EUR", "USD"]},
            {"pointer": "/card_token", "one_of": ["tok_visa"]}]}"#,
    );
    assert!(gets_fault_with_body(
        &rule,
        &body("1000", "EUR", "tok_visa")
    ));
    assert!(gets_fault_with_body(
        &rule,
        &body("2000", "USD", "tok_visa")
    ));
    for (amount, currency, token) in [
        ("999", "EUR", "tok_visa"),
        ("2001", "EUR", "tok_visa"),
        ("1500.5", "EUR", "tok_visa"),
        ("\"1500\"", "EUR", "tok_visa"),
        ("1500", "CHF", "tok_visa"),
        ("1500", "EUR", "tok_mastercard"),
    ] {
        let body = body(amount, currency, token);
        assert!(!gets_fault_with_body(&rule, &body), "{body}");
    }
    for body in ["", "{", "[]", "\u{0}", "{\"amount\": 1000}"] {
        assert!(!gets_fault_with_body(&rule, body), "{body}");
    }
    let not_text = decide_with_zeros(&rule, &Fake::payment("k"), Body::Complete(&[0xff, 0xfe]));
    assert_eq!(not_text, Decision::Pass);
}

#[test]
fn a_pointer_supports_list_indexes_and_escapes() {
    let rule = matching(r#"{"body": [{"pointer": "/a~1b/1/c~0d", "min": 5}]}"#);
    assert!(gets_fault_with_body(&rule, r#"{"a/b": [0, {"c~d": 5}]}"#));
    assert!(!gets_fault_with_body(&rule, r#"{"a/b": [{"c~d": 5}]}"#));
}

#[test]
fn the_filter_waits_for_a_body_only_if_a_rule_tests_it() {
    let rule = matching(r#"{"methods": ["POST"], "body": [{"pointer": "/a", "min": 0}]}"#);
    let get = Fake::new("GET", "/payments");
    assert_eq!(decide_with_zeros(&rule, &get, Body::NotYet), Decision::Pass);
}

#[test]
fn the_first_rule_that_matches_decides_even_if_its_share_excludes_the_request() {
    let config = config(
        r#"{"rules": [
            {"name": "never", "match": {"methods": ["POST"]}, "percentage": {"numerator": 0}, "fault": {"decline": {}}},
            {"name": "always", "fault": {"abort": {"http_status": 500}}}]}"#,
    );
    assert!(!gets_fault(&config, &Fake::payment("k")));
    assert!(gets_fault(&config, &Fake::new("GET", "/payments")));
}

#[test]
fn after_a_rule_expires_the_next_rule_applies() {
    let config = config(
        r#"{"rules": [
            {"name": "old", "until": "2026-12-31T18:00:00Z", "fault": {"decline": {}}},
            {"name": "new", "delay": {"fixed_ms": 5}}]}"#,
    );
    let end = UNIX_EPOCH + Duration::from_secs(1_798_740_000);
    let rule = |now: SystemTime| match decide(
        &config,
        &Fake::payment("k"),
        Body::NotYet,
        &mut || 0,
        || now,
    ) {
        Decision::Inject(injection) => injection.rule.to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(rule(end - Duration::from_nanos(1)), "old");
    assert_eq!(rule(end), "new");
}

#[test]
fn enabled_false_turns_off_rules_and_header_faults() {
    let config = config(
        r#"{"enabled": false, "header_faults": {"secret": "0123456789abcdef"},
            "rules": [{"name": "r", "fault": {"decline": {}}}]}"#,
    );
    let request = Fake::payment("k").with("x-stoa-fault", "decline; secret=0123456789abcdef");
    assert!(!gets_fault(&config, &request));
}

mod requested_by_header {
    use super::*;

    const ALLOWED: &str = r#"{"rules": [], "header_faults": {"secret": "0123456789abcdef",
        "principals": ["spiffe://cluster.local/ns/shop/sa/order"]}}"#;

    #[test]
    fn without_header_faults_no_caller_may_request_a_fault() {
        let config = config(r#"{"rules": []}"#);
        let request = Fake::payment("k")
            .from("order")
            .with("x-stoa-fault", "decline");
        assert!(!gets_fault(&config, &request));
    }

    #[test]
    fn only_a_listed_identity_may_request_a_fault() {
        let config = config(ALLOWED);
        let request = Fake::payment("k").with("x-stoa-fault", "decline=do_not_honor");
        assert!(!gets_fault(&config, &request));
        assert!(!gets_fault(&config, &request.clone().from("cart")));
        let Decision::Inject(injection) =
            decide_with_zeros(&config, &request.from("order"), Body::NotYet)
        else {
            panic!("not allowed");
        };
        assert_eq!(injection.rule, "by_header");
        assert_eq!(injection.fault, Some(decline("do_not_honor")));
    }

    #[test]
    fn a_caller_with_the_secret_may_request_a_fault() {
        let config = config(ALLOWED);
        let with =
            |value: &str| gets_fault(&config, &Fake::payment("k").with("x-stoa-fault", value));
        assert!(with("decline; secret=0123456789abcdef"));
        assert!(!with("decline; secret=0123456789abcdeF"));
        assert!(!with("decline; secret="));
        assert!(!with("decline; 0123456789abcdef"));
    }

    #[test]
    fn a_caller_can_request_a_fault_for_a_share_of_its_requests() {
        let config = config(ALLOWED);
        let request = Fake::payment("k")
            .from("order")
            .with("x-stoa-fault", "decline; percentage=20");
        let with = |roll| {
            let decision = decide(
                &config,
                &request,
                Body::NotYet,
                &mut || roll,
                SystemTime::now,
            );
            matches!(decision, Decision::Inject(_))
        };
        assert!(with(u64::MAX / 100 * 19) && !with(u64::MAX / 100 * 21));
    }

    #[test]
    fn by_default_a_header_fault_applies_to_payments_only() {
        let config = config(ALLOWED);
        let request = Fake::new("GET", "/payments").from("order");
        assert!(!gets_fault(
            &config,
            &request.with("x-stoa-fault", "decline")
        ));
    }

    #[test]
    fn a_header_fault_takes_precedence_over_the_rules() {
        let config = self::config(
            r#"{"rules": [{"name": "r", "fault": {"decline": {}}}],
                "header_faults": {"principals": ["spiffe://cluster.local/ns/shop/sa/order"]}}"#,
        );
        let request = Fake::payment("k")
            .from("order")
            .with("x-stoa-fault", "delay=20, abort=grpc:14");
        let Decision::Inject(injection) = decide_with_zeros(&config, &request, Body::NotYet) else {
            panic!("not allowed");
        };
        assert_eq!(injection.delay, Some(Delay::Fixed(20.0)));
        assert_eq!(injection.fault, Some(abort(503, Some(14))));
    }

    #[test]
    fn an_invalid_header_injects_no_fault_and_gives_an_error() {
        let config = config(ALLOWED);
        for (value, why) in [
            (
                "explode",
                "\"explode\": expected one of decline, abort, lost_response, throttle, delay",
            ),
            (
                "abort=99",
                "\"abort=99\": expected abort=NUMBER with a whole number from 200 to 599",
            ),
            (
                "abort=grpc:17",
                "\"abort=grpc:17\": expected abort=grpc:STATUS with a status from 0 to 16",
            ),
            (
                "delay=60001",
                "\"delay=60001\": expected delay=NUMBER with a whole number from 0 to 60000",
            ),
            (
                "decline=Not This",
                "\"decline=Not This\": expected decline=CODE with a code in snake_case",
            ),
            (
                "decline; percentage=101",
                "percentage: expected a whole number from 0 to 100",
            ),
            (
                "decline, abort=503",
                "more than one fault; expected one fault, one delay, or both",
            ),
            ("delay=1, delay=2", "delay: given twice"),
            (
                "",
                "\"\": expected one of decline, abort, lost_response, throttle, delay",
            ),
        ] {
            let request = Fake::payment("k").from("order").with("x-stoa-fault", value);
            let decision = decide_with_zeros(&config, &request, Body::NotYet);
            assert_eq!(decision, Decision::Unreadable(why.to_owned()), "{value}");
        }
    }
}
