//! Which request gets which fault.
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

/// One rule that aborts all requests that match.
fn matching(matcher: &str) -> Config {
    config(&format!(
        r#"{{"rules": [{{"name": "r", "match": {matcher}, "fault": {{"abort": {{"http_status": 503}}}}}}]}}"#
    ))
}

fn asks<'c>(config: &'c Config, request: &Fake, body: Body<'_>) -> Decision<'c> {
    decide(config, request, body, &mut || 0, SystemTime::now)
}

fn acts(config: &Config, request: &Fake) -> bool {
    matches!(asks(config, request, Body::Complete(b"")), Decision::Act(_))
}

fn acts_on_body(config: &Config, body: &str) -> bool {
    let request = Fake::payment("k");
    assert_eq!(asks(config, &request, Body::NotYet), Decision::AwaitBody);
    let decision = asks(config, &request, Body::Complete(body.as_bytes()));
    matches!(decision, Decision::Act(_))
}

#[test]
fn by_default_a_tenth_of_the_payments_is_declined_and_a_retry_meets_the_same_fate() {
    let config = config("");
    let orders = 20_000;
    let declined = (0..orders)
        .filter(|order| {
            let request = Fake::payment(&format!("order-{order}"));
            let first = asks(&config, &request, Body::NotYet);
            assert_eq!(first, asks(&config, &request, Body::Complete(b"{}")));
            match first {
                Decision::Act(act) => {
                    assert_eq!(act.fault, Some(Fault::default()));
                    true
                }
                Decision::Pass => false,
                other => panic!("{other:?}"),
            }
        })
        .count();
    // The keys are fixed, so this cannot flake; 4 sigma are 170.
    assert!((1_830..=2_170).contains(&declined), "{declined}");
}

#[test]
fn by_default_nothing_else_is_touched() {
    let config = config("{}");
    for request in [
        Fake::new("GET", "/payments"),
        Fake::new("POST", "/payments/7/refund"),
        Fake::new("POST", "/paymentsx"),
    ] {
        for key in 0..200 {
            let request = request.clone().with("idempotency-key", &key.to_string());
            assert_eq!(asks(&config, &request, Body::NotYet), Decision::Pass);
        }
    }
}

#[test]
fn another_seed_chooses_others_and_a_missing_key_is_left_to_the_dice() {
    let by = |seed: &str| {
        config(&format!(
            r#"{{"rules": [{{"name": "r", "percentage": {{"numerator": 50}}, "fault": {{"decline": {{}}}},
                "by": {{"header": "idempotency-key", "seed": "{seed}"}}}}]}}"#
        ))
    };
    let (one, other) = (by("1"), by("2"));
    let differ = (0..1_000)
        .map(|key| Fake::payment(&key.to_string()))
        .filter(|request| acts(&one, request) != acts(&other, request))
        .count();
    assert!((400..600).contains(&differ), "{differ}");
    let keyless = Fake::new("POST", "/payments");
    let with = |roll| {
        let body = Body::Complete(b"");
        decide(&one, &keyless, body, &mut || roll, SystemTime::now)
    };
    assert!(matches!(with(0), Decision::Act(_)));
    assert_eq!(with(u64::MAX), Decision::Pass);
}

/// The number of rolls, of 1,000 evenly spaced ones, at which `rule` acts.
fn acting(config: &Config, request: &Fake, rule: &str) -> usize {
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
            matches!(decision, Decision::Act(act) if act.rule == rule)
        })
        .count()
}

#[test]
fn rules_that_fall_through_take_their_shares_of_one_draw_and_never_overlap() {
    let config = config(
        r#"{"rules": [
            {"name": "a", "percentage": {"numerator": 20}, "fall_through": true, "fault": {"abort": {"http_status": 503}}},
            {"name": "other", "match": {"methods": ["GET"]}, "fall_through": true, "fault": {"decline": {}}},
            {"name": "b", "percentage": {"numerator": 10}, "fault": {"lost_response": {}}},
            {"name": "c", "fault": {"decline": {}}}]}"#,
    );
    let acting = |rule| acting(&config, &Fake::payment("k"), rule);
    assert_eq!([acting("a"), acting("b"), acting("other")], [200, 100, 0]);
    assert_eq!(acting("c"), 0, "the rule before it does not fall through");
}

#[test]
fn shares_of_more_than_all_together_are_cut_in_their_order() {
    let rule = |name: &str| {
        format!(
            r#"{{"name": "{name}", "percentage": {{"numerator": 60}}, "fall_through": true, "fault": {{"decline": {{}}}}}}"#
        )
    };
    let rules = ["a", "b", "c"].map(rule).join(", ");
    let config = config(&format!(r#"{{"rules": [{rules}]}}"#));
    let shares = ["a", "b", "c"].map(|rule| acting(&config, &Fake::payment("k"), rule));
    assert_eq!(shares, [600, 400, 0]);
}

#[test]
fn rules_that_fall_through_draw_by_the_first_ones_key() {
    let config = config(
        r#"{"rules": [
            {"name": "a", "percentage": {"numerator": 50}, "by": {"header": "idempotency-key"}, "fall_through": true,
             "fault": {"decline": {}}},
            {"name": "b", "percentage": {"numerator": 50}, "by": {"header": "idempotency-key", "seed": "another"},
             "fault": {"abort": {"http_status": 503}}}]}"#,
    );
    let acts = (0..1_000).filter(|key| acts(&config, &Fake::payment(&key.to_string())));
    assert_eq!(acts.count(), 1_000, "both halves of one draw");
}

#[test]
fn percentages_are_exact_at_both_ends_and_at_the_finest_step() {
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
        matches!(decision, Decision::Act(_))
    };
    let none = share(r#"{"numerator": 0}"#);
    let all = share(r#"{"numerator": 10000, "denominator": 10000}"#);
    for roll in [0, 1, u64::MAX / 2, u64::MAX] {
        assert!(!with(&none, roll) && with(&all, roll));
    }
    let finest = share(r#"{"numerator": 1, "denominator": 1000000}"#);
    // The lowest millionth of all rolls.
    assert!(with(&finest, u64::MAX / 1_000_000) && !with(&finest, u64::MAX / 1_000_000 + 2));
}

#[test]
fn a_path_is_matched_without_its_query() {
    let exact = matching(r#"{"path": {"exact": "/payments"}}"#);
    assert!(acts(&exact, &Fake::new("POST", "/payments?x=/other")));
    assert!(!acts(&exact, &Fake::new("POST", "/payments/1")));
    let prefix = matching(r#"{"path": {"prefix": "/payments/"}}"#);
    assert!(acts(&prefix, &Fake::new("GET", "/payments/1?y")));
    assert!(!acts(&prefix, &Fake::new("GET", "/other?/payments/")));
    let suffix = matching(r#"{"path": {"suffix": "/refund"}}"#);
    assert!(acts(&suffix, &Fake::new("POST", "/payments/1/refund?a=b")));
}

#[test]
fn every_header_test_has_to_pass() {
    let both = matching(
        r#"{"headers": [{"name": "X-A", "prefix": "b"}, {"name": "x-c", "present": false}]}"#,
    );
    let request = Fake::new("GET", "/").with("x-a", "bcd");
    assert!(acts(&both, &request));
    assert!(!acts(&both, &request.clone().with("x-c", "")));
    assert!(!acts(&both, &Fake::new("GET", "/")));
    let again = |value| {
        acts(
            &both,
            &Fake::new("GET", "/").with("x-a", value).with("x-a", "b"),
        )
    };
    assert!(again("c") && again("b"), "each value by itself");
    let neither = Fake::new("GET", "/").with("x-a", "c").with("x-a", ",b");
    assert!(!acts(&both, &neither));
}

#[test]
fn a_caller_is_known_by_his_certificate_only() {
    let order = matching(r#"{"principals": ["spiffe://cluster.local/ns/shop/sa/order"]}"#);
    assert!(acts(&order, &Fake::new("GET", "/").from("order")));
    assert!(!acts(&order, &Fake::new("GET", "/").from("cart")));
    let claims = Fake::new("GET", "/").with(
        "x-forwarded-client-cert",
        "URI=spiffe://cluster.local/ns/shop/sa/order",
    );
    assert!(!acts(&order, &claims));
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
    assert!(acts_on_body(&rule, &body("1000", "EUR", "tok_visa")));
    assert!(acts_on_body(&rule, &body("2000", "USD", "tok_visa")));
    for (amount, currency, token) in [
        ("999", "EUR", "tok_visa"),
        ("2001", "EUR", "tok_visa"),
        ("1500.5", "EUR", "tok_visa"),
        ("\"1500\"", "EUR", "tok_visa"),
        ("1500", "CHF", "tok_visa"),
        ("1500", "EUR", "tok_mastercard"),
    ] {
        let body = body(amount, currency, token);
        assert!(!acts_on_body(&rule, &body), "{body}");
    }
    for body in ["", "{", "[]", "\u{0}", "{\"amount\": 1000}"] {
        assert!(!acts_on_body(&rule, body), "{body}");
    }
    let not_text = asks(&rule, &Fake::payment("k"), Body::Complete(&[0xff, 0xfe]));
    assert_eq!(not_text, Decision::Pass);
}

#[test]
fn a_pointer_goes_through_lists_and_escapes() {
    let rule = matching(r#"{"body": [{"pointer": "/a~1b/1/c~0d", "min": 5}]}"#);
    assert!(acts_on_body(&rule, r#"{"a/b": [0, {"c~d": 5}]}"#));
    assert!(!acts_on_body(&rule, r#"{"a/b": [{"c~d": 5}]}"#));
}

#[test]
fn a_body_is_waited_for_only_where_a_rule_asks_for_it() {
    let rule = matching(r#"{"methods": ["POST"], "body": [{"pointer": "/a", "min": 0}]}"#);
    let get = Fake::new("GET", "/payments");
    assert_eq!(asks(&rule, &get, Body::NotYet), Decision::Pass);
}

#[test]
fn the_first_rule_that_matches_decides_even_if_the_dice_say_no() {
    let config = config(
        r#"{"rules": [
            {"name": "never", "match": {"methods": ["POST"]}, "percentage": {"numerator": 0}, "fault": {"decline": {}}},
            {"name": "always", "fault": {"abort": {"http_status": 500}}}]}"#,
    );
    assert!(!acts(&config, &Fake::payment("k")));
    assert!(acts(&config, &Fake::new("GET", "/payments")));
}

#[test]
fn a_rule_is_dead_from_its_end_on_and_the_next_one_counts() {
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
        Decision::Act(act) => act.rule.to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(rule(end - Duration::from_nanos(1)), "old");
    assert_eq!(rule(end), "new");
}

#[test]
fn the_switch_turns_everything_off() {
    let config = config(
        r#"{"enabled": false, "header_faults": {"secret": "0123456789abcdef"},
            "rules": [{"name": "r", "fault": {"decline": {}}}]}"#,
    );
    let request = Fake::payment("k").with("x-stoa-fault", "decline; secret=0123456789abcdef");
    assert!(!acts(&config, &request));
}

mod asked_by_header {
    use super::*;

    const ALLOWED: &str = r#"{"rules": [], "header_faults": {"secret": "0123456789abcdef",
        "principals": ["spiffe://cluster.local/ns/shop/sa/order"]}}"#;

    #[test]
    fn nobody_may_unless_it_is_allowed() {
        let config = config(r#"{"rules": []}"#);
        let request = Fake::payment("k")
            .from("order")
            .with("x-stoa-fault", "decline");
        assert!(!acts(&config, &request));
    }

    #[test]
    fn a_named_identity_may_and_others_may_not() {
        let config = config(ALLOWED);
        let request = Fake::payment("k").with("x-stoa-fault", "decline=do_not_honor");
        assert!(!acts(&config, &request));
        assert!(!acts(&config, &request.clone().from("cart")));
        let Decision::Act(act) = asks(&config, &request.from("order"), Body::NotYet) else {
            panic!("not allowed");
        };
        assert_eq!(act.rule, "asked");
        assert_eq!(act.fault, Some(decline("do_not_honor")));
    }

    #[test]
    fn whoever_knows_the_secret_may() {
        let config = config(ALLOWED);
        let with = |value: &str| acts(&config, &Fake::payment("k").with("x-stoa-fault", value));
        assert!(with("decline; secret=0123456789abcdef"));
        assert!(!with("decline; secret=0123456789abcdeF"));
        assert!(!with("decline; secret="));
        assert!(!with("decline; 0123456789abcdef"));
    }

    #[test]
    fn a_share_of_those_that_ask_can_be_asked_for() {
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
            matches!(decision, Decision::Act(_))
        };
        assert!(with(u64::MAX / 100 * 19) && !with(u64::MAX / 100 * 21));
    }

    #[test]
    fn only_payments_are_meant_unless_configured() {
        let config = config(ALLOWED);
        let request = Fake::new("GET", "/payments").from("order");
        assert!(!acts(&config, &request.with("x-stoa-fault", "decline")));
    }

    #[test]
    fn it_goes_before_the_rules() {
        let config = self::config(
            r#"{"rules": [{"name": "r", "fault": {"decline": {}}}],
                "header_faults": {"principals": ["spiffe://cluster.local/ns/shop/sa/order"]}}"#,
        );
        let request = Fake::payment("k")
            .from("order")
            .with("x-stoa-fault", "delay=20, abort=grpc:14");
        let Decision::Act(act) = asks(&config, &request, Body::NotYet) else {
            panic!("not allowed");
        };
        assert_eq!(act.delay, Some(Delay::Fixed(20.0)));
        assert_eq!(act.fault, Some(abort(503, Some(14))));
    }

    #[test]
    fn what_cannot_be_read_injects_nothing_and_says_why() {
        let config = config(ALLOWED);
        for (value, why) in [
            (
                "explode",
                "explode is not one of decline, abort, lost_response, throttle, delay",
            ),
            (
                "abort=99",
                "abort=99 is not abort= and a whole number from 200 to 599",
            ),
            (
                "abort=grpc:17",
                "abort=grpc:17 is not abort=grpc: and 0 to 16",
            ),
            (
                "delay=60001",
                "delay=60001 is not delay= and a whole number from 0 to 60000",
            ),
            (
                "decline=Not This",
                "decline=Not This is not decline= and a word in snake_case",
            ),
            (
                "decline; percentage=101",
                "percentage= is not a whole number from 0 to 100",
            ),
            ("decline, abort=503", "more than one fault beside a delay"),
            ("delay=1, delay=2", "delay stands twice"),
            (
                "",
                " is not one of decline, abort, lost_response, throttle, delay",
            ),
        ] {
            let request = Fake::payment("k").from("order").with("x-stoa-fault", value);
            let decision = asks(&config, &request, Body::NotYet);
            assert_eq!(decision, Decision::Misread(why.to_owned()), "{value}");
        }
    }
}
