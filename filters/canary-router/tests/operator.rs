//! Tests how `stoa canary set` changes a configuration, and how `stoa canary get` describes a configuration.
#![expect(
    clippy::unwrap_used,
    reason = "a setting that cannot be read fails the test"
)]

use canary_router::operator::{describe, services, set, turn_off};
use serde_json::{Value, json};

fn manifest() -> Value {
    let cart = json!({"name": "cart", "stable": "a",
        "versions": [{"name": "a", "weight": 2500}, {"name": "b", "weight": 7500}]});
    let product = json!({"name": "product", "stable": "v1", "salt": "2026",
        "versions": [{"name": "v1", "weight": 9000}, {"name": "v2", "weight": 1000}]});
    json!({"report_version": false, "services": [cart, product]})
}

fn change(config: Value, settings: &[&str]) -> Result<Value, String> {
    let settings: Vec<_> = settings.iter().map(|text| (*text).to_owned()).collect();
    set(config, "product", &settings).map_err(|error| error.to_string())
}

fn shares(settings: &[&str]) -> String {
    describe(&change(manifest(), settings).unwrap(), "product")
}

#[test]
fn the_stable_version_gets_the_remaining_share() {
    assert_eq!(shares(&["v2=25%"]), "v1=75% v2=25%");
    assert_eq!(shares(&["v2=100%"]), "v1=0% v2=100%");
    assert_eq!(shares(&["v1=40%"]), "v1=100% v2=0%");
    assert_eq!(shares(&["v1=40%", "v2=0.5%"]), "v1=99.5% v2=0.5%");
}

#[test]
fn other_services_and_settings_stay_unchanged() {
    let changed = change(manifest(), &["v2=25%"]).unwrap();
    assert_eq!(describe(&changed, "cart"), "a=25% b=75%");
    assert_eq!(changed.pointer("/services/1/salt"), Some(&json!("2026")));
    assert_eq!(changed.get("report_version"), Some(&json!(false)));
}

#[test]
fn off_keeps_the_weights_and_a_share_turns_the_filter_on_again() {
    let off = turn_off(manifest(), "product").unwrap();
    assert_eq!(describe(&off, "product"), "off");
    assert_eq!(off.get("services"), manifest().get("services"));
    let on = change(off, &["v2=25%"]).unwrap();
    assert_eq!(describe(&on, "product"), "v1=75% v2=25%");
    let mut switched_off = manifest();
    let service = switched_off.pointer_mut("/services/1").unwrap();
    service
        .as_object_mut()
        .unwrap()
        .insert("everyone_on_stable".to_owned(), true.into());
    assert_eq!(describe(&switched_off, "product"), "off");
    let on = change(switched_off, &["v2=25%"]).unwrap();
    assert_eq!(describe(&on, "product"), "v1=75% v2=25%");
}

#[test]
fn a_configuration_without_services_has_the_default_services() {
    assert_eq!(services(&manifest()), ["cart", "product"]);
    assert_eq!(describe(&manifest(), "cart"), "a=25% b=75%");
    for missing in [Value::Null, json!({}), json!({"services": null})] {
        assert_eq!(services(&missing), ["product"]);
        assert_eq!(describe(&missing, "product"), "v1=90% v2=10%");
        let changed = change(missing, &["v2=25%"]).unwrap();
        assert_eq!(describe(&changed, "product"), "v1=75% v2=25%");
    }
    assert!(services(&json!({"services": 1})).is_empty());
}

#[test]
fn an_error_names_the_invalid_setting_and_the_expected_format() {
    let error = |settings: &[&str]| change(manifest(), settings).unwrap_err();
    for setting in ["v2", "v2=5", "v2=101%", "v2=5%:1s"] {
        let error = error(&[setting]);
        let expected = format!("{setting}: expected VERSION=SHARE with a share");
        assert!(error.starts_with(&expected), "{error}");
    }
    assert_eq!(
        error(&["v3=1%"]),
        "there is no version \"v3\"; expected one of v1, v2"
    );
    assert_eq!(error(&["v2=1%", "v2=2%"]), "v2 is given twice");
    let unknown = r#"there is no service "order"; expected one of cart, product"#;
    let order = set(manifest(), "order", &["v2=1%".to_owned()]);
    assert_eq!(order.unwrap_err().to_string(), unknown);
    let off = turn_off(manifest(), "order").unwrap_err();
    assert_eq!(off.to_string(), unknown);
}

#[test]
fn set_returns_an_error_if_the_filter_would_reject_the_configuration() {
    let mut config = manifest();
    config
        .as_object_mut()
        .unwrap()
        .insert("inside".to_owned(), 1.into());
    let error = change(config, &["v2=25%"]).unwrap_err();
    assert!(error.contains("inside: 1 is not a list"), "{error}");
}
