//! Tests valid contents of a `pluginConfig`, and the errors that the filter reports for an invalid `pluginConfig`.
#![expect(
    clippy::unwrap_used,
    reason = "a configuration that cannot be read fails the test"
)]

use payment_fault::config::Config;
use payment_fault::delay::Delay;
use payment_fault::fault::{abort, lost_response, throttle};

fn errors(text: &str) -> Vec<String> {
    Config::parse(text.as_bytes()).unwrap_err().lines().to_vec()
}

fn parsed(rule: &str) -> payment_fault::config::Rule {
    let text = format!(r#"{{"rules": [{{"name": "r", {rule}}}]}}"#);
    let mut rules = Config::parse(text.as_bytes()).unwrap().rules;
    rules.remove(0)
}

#[test]
fn an_empty_configuration_is_the_default() {
    for text in ["", " \n", "{}", r#"{"rules": null}"#] {
        assert_eq!(Config::parse(text.as_bytes()).unwrap(), Config::default());
    }
}

#[test]
fn all_errors_are_reported_together_with_their_paths() {
    let text = r#"{
        "enabled": "yes",
        "rulez": [],
        "max_body_bytes": 2000000,
        "log": {"numerator": 5, "denominator": 1000},
        "header_faults": {"secret": "short"},
        "rules": [
            {"name": "Decline", "fault": {"decline": {"code": "Not this"}}},
            {"name": "b", "match": {"methods": ["post"], "path": {"exact": "/a", "prefix": "/"}}, "fault": {"abort": {}}},
            {"name": "b", "match": {"principals": ["order"]}, "percentage": {"numerator": 101}, "delay": {"fixed_ms": 60001}},
            {"name": "c", "match": {"body": [{"pointer": "amount", "min": 2, "max": 1}, {"pointer": "/a"}]}, "until": "soon"},
            {"name": "d", "fault": {"decline": {}, "lost_response": {}}},
            {"name": "e", "fault": {"throttle": {"bytes_per_second": 0}}, "delay": {"uniform_ms": {"min": 9, "max": 1}}},
            {"name": "asked", "fault": {"abort": {"http_status": 600, "grpc_status": 17}}, "by": {}}
        ]
    }"#;
    let mut found = errors(text);
    let mut expected = vec![
        "enabled: \"yes\" is not true or false",
        "max_body_bytes: 2000000 is not a whole number from 0 to 1048576",
        "log.denominator: 1000 is not 100, 10000 or 1000000",
        "header_faults.secret: expected at least 16 characters, only letters and digits",
        "rules[0].name: \"Decline\" is not a name of at most 63 lower-case letters, digits and hyphens",
        "rules[0].fault.decline.code: \"Not this\" is not a word in snake_case of at most 64 characters",
        "rules[1].match.methods: [\"post\"] is not a list of methods in capitals",
        "rules[1].match.path: expected exactly one of exact, prefix, suffix, contains",
        "rules[1].fault.abort: expected http_status, grpc_status or both",
        "rules[2].match.principals: order is not a SPIFFE identity such as spiffe://cluster.local/ns/shop/sa/order",
        "rules[2].percentage.numerator: 101 is not a whole number from 0 to 100",
        "rules[2].delay.fixed_ms: 60001 is not a number from 0 to 60000",
        "rules[3].match.body[0].pointer: \"amount\" is not a JSON pointer that begins with a slash",
        "rules[3].match.body[0]: min is above max",
        "rules[3].match.body[1]: expected one_of, min, max, or both min and max",
        "rules[3].until: \"soon\" is not a time in UTC such as 2026-12-31T18:00:00Z",
        "rules[3]: expected fault, delay or both",
        "rules[4].fault: expected exactly one of decline, abort, lost_response, throttle",
        "rules[5].fault.throttle.bytes_per_second: 0 is not a whole number from 1 to 1073741824",
        "rules[5].delay.uniform_ms: min is above max",
        "rules[6].name: reserved until release 0.3, because this name is the old name of by_header",
        "rules[6].fault.abort.http_status: 600 is not a whole number from 200 to 599",
        "rules[6].fault.abort.grpc_status: 17 is not a whole number from 0 to 16",
        "rules[6].by.header: missing",
        "rules: two rules have the name b",
        "rulez: unknown member; expected one of enabled, rules, header_faults, max_active_faults, max_body_bytes, report_rule, log",
    ];
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn the_old_name_of_report_rule_is_accepted_with_a_warning() {
    let config = Config::parse(br#"{"tell": false}"#).unwrap();
    assert!(!config.reports_rule);
    assert_eq!(
        config.warnings,
        ["tell: renamed to report_rule; release 0.3 rejects the old name"]
    );
    assert_eq!(
        errors(r#"{"tell": false, "report_rule": true}"#),
        ["tell: old name of report_rule; the object contains both names"]
    );
    assert_eq!(
        Config::parse(br#"{"tell": null}"#).unwrap(),
        Config::default()
    );
}

#[test]
fn an_error_does_not_contain_the_secret() {
    let text = r#"{"header_faults": {"secret": "pass word of sixteen"}}"#;
    let all = errors(text).join("\n");
    assert!(
        all.contains("header_faults.secret") && !all.contains("pass"),
        "{all}"
    );
}

#[test]
fn all_kinds_of_faults_and_delays_are_read() {
    let aborted = parsed(r#""fault": {"abort": {"grpc_status": 14}}"#);
    assert_eq!(aborted.fault, Some(abort(503, Some(14))));
    let lost = parsed(r#""fault": {"lost_response": {}}, "delay": {"fixed_ms": 1e3}"#);
    assert_eq!(lost.fault, Some(lost_response()));
    assert_eq!(lost.delay, Some(Delay::Fixed(1000.0)));
    let slow = parsed(r#""fault": {"throttle": {"bytes_per_second": 64}}"#);
    assert_eq!(slow.fault, Some(throttle(64)));
    let (min, max) = (10.0, 50.0);
    let uniform = parsed(r#""delay": {"uniform_ms": {"min": 10, "max": 50}}"#);
    assert_eq!(uniform.delay, Some(Delay::Uniform(min, max)));
    let exponential = parsed(r#""delay": {"exponential_ms": {"mean": 20}}"#);
    let (mean, max) = (20.0, 60_000.0);
    assert_eq!(exponential.delay, Some(Delay::Exponential { mean, max }));
    let normal = parsed(r#""delay": {"log_normal_ms": {"median": 20, "sigma": 0.5, "max": 90}}"#);
    let (median, sigma, max) = (20.0, 0.5, 90.0);
    assert_eq!(normal.delay, Some(Delay::LogNormal { median, sigma, max }));
}

#[test]
fn the_error_for_invalid_json_contains_its_position() {
    assert_eq!(errors("{\"rules\":\n [}"), ["not JSON at line 2, column 3"]);
    let not_text = Config::parse(&[b'{', 0xff]).unwrap_err();
    assert_eq!(not_text.to_string(), "not JSON: the text is not UTF-8");
}
