//! Tests how `stoa fault set` changes a configuration, and how `stoa fault get` describes a configuration.
#![expect(
    clippy::unwrap_used,
    reason = "a setting that cannot be read fails the test"
)]

use payment_fault::config::Config;
use payment_fault::operator::{describe, help, set, turn_off};
use serde_json::{Value, json};
use stoa_filter::setting::SettingError;

fn manifest() -> Value {
    json!({"rules": [{"name": "default-decline", "match": {"path": {"exact": "/payments"}},
        "percentage": {"numerator": 10}, "fault": {"decline": {"code": "card_declined"}}}], "max_active_faults": 200})
}

fn change(settings: &[&str]) -> Result<Value, SettingError> {
    let settings: Vec<_> = settings.iter().map(|text| (*text).to_owned()).collect();
    set(manifest(), &settings)
}

fn error(settings: &[&str]) -> String {
    change(settings).unwrap_err().to_string()
}

#[test]
fn each_kind_becomes_a_rule_with_the_path_of_the_manifests() {
    let config = change(&[
        "decline=30%",
        "abort=5%",
        "lost_response=0.5%",
        "throttle=1%",
        "delay=10%",
    ])
    .unwrap();
    let rules = config["rules"].as_array().unwrap();
    let effects: Vec<_> = rules
        .iter()
        .map(|rule| {
            let effect = rule.get("fault").or(rule.get("delay")).unwrap();
            (rule["name"].as_str().unwrap(), effect.clone())
        })
        .collect();
    let expected = vec![
        ("set-decline", json!({"decline": {"code": "card_declined"}})),
        ("set-abort", json!({"abort": {"http_status": 503}})),
        ("set-lost-response", json!({"lost_response": {}})),
        (
            "set-throttle",
            json!({"throttle": {"bytes_per_second": 1024}}),
        ),
        ("set-delay", json!({"fixed_ms": 1000})),
    ];
    assert_eq!(effects, expected);
    for rule in rules {
        let matcher = json!({"methods": ["POST"], "path": {"exact": "/payments"}});
        assert_eq!(rule["match"], matcher);
        // One common draw decides for all rules, so all rules have the same seed.
        let by = json!({"header": "idempotency-key", "seed": "decline"});
        assert_eq!((&rule["by"], &rule["fall_through"]), (&by, &json!(true)));
    }
    let percentage = json!({"numerator": 50, "denominator": 10_000});
    assert_eq!(rules[2]["percentage"], percentage);
    assert_eq!(config["max_active_faults"], 200);
}

#[test]
fn a_value_after_the_share_replaces_the_default() {
    let config = change(&[
        "decline=1%:insufficient_funds",
        "abort=1%:500",
        "throttle=1%:1.5KiB/s",
        "delay=1%:1s500ms",
    ])
    .unwrap();
    let at = |pointer: &str| config.pointer(pointer).cloned();
    let code = at("/rules/0/fault/decline/code");
    assert_eq!(code, Some("insufficient_funds".into()));
    assert_eq!(
        at("/rules/1/fault/abort"),
        Some(json!({"http_status": 500}))
    );
    let rate = at("/rules/2/fault/throttle/bytes_per_second");
    assert_eq!(rate, Some(1536.into()));
    assert_eq!(at("/rules/3/delay/fixed_ms"), Some(1500.into()));
    let grpc = change(&["abort=1%:grpc:14"]).unwrap();
    let abort = grpc.pointer("/rules/0/fault/abort").cloned();
    assert_eq!(abort, Some(json!({"grpc_status": 14})));
}

#[test]
fn describe_returns_the_settings_that_were_set() {
    for settings in [
        &["decline=30%"][..],
        &[
            "decline=12.25%:do_not_honor",
            "abort=5%",
            "lost_response=0.01%",
        ],
        &["abort=5%:500"],
        &["abort=5%:grpc:14"],
        &["throttle=5%:1KiB/s", "delay=10%:200ms"],
        &["throttle=5%:1000B/s", "delay=10%:1s500ms"],
        &["throttle=5%:1GiB/s", "delay=0%:0s"],
    ] {
        let config = change(settings).unwrap();
        assert_eq!(describe(&config), settings.join(" "));
    }
    // For a throttle and a delay, `describe` prints the value even if it is the default.
    let config = change(&["throttle=5%", "delay=10%"]).unwrap();
    assert_eq!(describe(&config), "throttle=5%:1KiB/s delay=10%:1s");
}

#[test]
fn describe_lists_the_rules_of_the_manifests() {
    assert_eq!(describe(&manifest()), "default-decline=10%");
    assert_eq!(describe(&Value::Null), "default-decline=10%");
    assert_eq!(describe(&json!({"rules": []})), "no faults");
    assert_eq!(describe(&json!({"enabled": false})), "off");
    let wrong = json!({"rules": [{"name": "a"}]});
    assert_eq!(
        describe(&wrong),
        "not valid (rules[0]: expected fault, delay or both)"
    );
}

#[test]
fn off_keeps_the_rules_and_a_setting_turns_the_filter_on_again() {
    let off = turn_off(manifest()).unwrap();
    assert_eq!(describe(&off), "off");
    assert_eq!(off["rules"], manifest()["rules"]);
    let on = set(off, &["decline=1%".to_owned()]).unwrap();
    assert_eq!(describe(&on), "decline=1%");
    assert_eq!(describe(&turn_off(Value::Null).unwrap()), "off");
}

#[test]
fn an_error_names_the_invalid_setting_and_the_expected_format() {
    for (setting, expected) in [
        ("decline", "expected KIND=SHARE or KIND=SHARE:VALUE"),
        ("decline=101%", "with a share from 0% to 100%"),
        (
            "decline=5%:Not This",
            "expected a decline_code in snake_case",
        ),
        ("abort=5%:99", "expected an HTTP status from 200 to 599"),
        ("abort=5%:grpc:17", "with a status from 0 to 16"),
        ("lost_response=5%:1", "expected no value"),
        ("throttle=5%:0B/s", "expected a rate from 1B/s to 1GiB/s"),
        ("throttle=5%:2GiB/s", "expected a rate from 1B/s to 1GiB/s"),
        ("throttle=5%:1KiB", "such as 1KiB/s"),
        ("delay=5%:61s", "expected a duration in whole milliseconds"),
        ("delay=5%:1us", "expected a duration in whole milliseconds"),
        ("delay=5%:", "expected a duration in whole milliseconds"),
    ] {
        let error = error(&[setting]);
        assert!(error.starts_with(&format!("{setting}: ")), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(
        error(&["explode=5%"]),
        "there is no kind of fault \"explode\"; expected one of decline, abort, lost_response, throttle, delay"
    );
    assert_eq!(
        error(&["decline=60%", "delay=50%"]),
        "decline=60% delay=50%: the shares add up to more than 100%"
    );
}

#[test]
fn set_returns_an_error_if_the_filter_would_reject_the_configuration() {
    let wrong = json!({"max_active_faults": -1});
    let rejected = set(wrong, &["decline=5%".to_owned()]).unwrap_err();
    assert!(matches!(&rejected, SettingError::Rejected(_)));
    let text = rejected.to_string();
    assert!(text.contains("max_active_faults: -1 is not"), "{text}");
}

#[test]
fn the_help_shows_every_kind_and_its_examples_can_be_set() {
    let help = help();
    for kind in ["decline", "abort", "lost_response", "throttle", "delay"] {
        assert!(help.contains(&format!("  {kind}=SHARE")), "{help}");
    }
    // A terminal with 80 columns would wrap a longer line.
    for line in help.lines().filter(|line| line.starts_with(' ')) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let examples = help.lines().filter_map(|line| {
        let settings = line.trim().strip_prefix("stoa fault set payment ")?;
        Some(settings.split(' ').filter(|word| word.contains('=')))
    });
    let mut count = 0;
    for example in examples {
        let settings: Vec<_> = example.map(str::to_owned).collect();
        if !settings.is_empty() {
            let config = set(Value::Null, &settings).unwrap();
            Config::parse(config.to_string().as_bytes()).unwrap();
            count += 1;
        }
    }
    assert_eq!(count, 3, "{help}");
}
