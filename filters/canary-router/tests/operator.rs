//! How `stoa canary set` changes a configuration, and how a configuration is described.
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
    json!({"tell": false, "services": [cart, product]})
}

fn change(config: Value, settings: &[&str]) -> Result<Value, String> {
    let settings: Vec<_> = settings.iter().map(|text| (*text).to_owned()).collect();
    set(config, "product", &settings).map_err(|error| error.to_string())
}

fn shares(settings: &[&str]) -> String {
    describe(&change(manifest(), settings).unwrap(), "product")
}

#[test]
fn the_stable_version_gets_what_no_setting_names() {
    assert_eq!(shares(&["v2=25%"]), "v1=75% v2=25%");
    assert_eq!(shares(&["v2=100%"]), "v1=0% v2=100%");
    assert_eq!(shares(&["v1=40%"]), "v1=100% v2=0%");
    assert_eq!(shares(&["v1=40%", "v2=0.5%"]), "v1=99.5% v2=0.5%");
}

#[test]
fn everything_else_stays() {
    let changed = change(manifest(), &["v2=25%"]).unwrap();
    assert_eq!(describe(&changed, "cart"), "a=25% b=75%");
    assert_eq!(changed.pointer("/services/1/salt"), Some(&json!("2026")));
    assert_eq!(changed.get("tell"), Some(&json!(false)));
}

#[test]
fn off_is_a_switch_and_a_share_turns_it_on_again() {
    let off = turn_off(manifest(), "product").unwrap();
    assert_eq!(describe(&off, "product"), "off");
    assert_eq!(off.get("services"), manifest().get("services"));
    let on = change(off, &["v2=25%"]).unwrap();
    assert_eq!(describe(&on, "product"), "v1=75% v2=25%");
    let mut own = manifest();
    let service = own.pointer_mut("/services/1").unwrap();
    service
        .as_object_mut()
        .unwrap()
        .insert("everyone_on_stable".to_owned(), true.into());
    assert_eq!(describe(&own, "product"), "off");
    let on = change(own, &["v2=25%"]).unwrap();
    assert_eq!(describe(&on, "product"), "v1=75% v2=25%");
}

#[test]
fn services_are_those_of_the_configuration_or_else_the_default_ones() {
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
fn a_wrong_setting_is_named_with_what_was_expected() {
    let error = |settings: &[&str]| change(manifest(), settings).unwrap_err();
    for setting in ["v2", "v2=5", "v2=101%", "v2=5%:1s"] {
        let error = error(&[setting]);
        let expected = format!("{setting}: expected VERSION=SHARE with a share");
        assert!(error.starts_with(&expected), "{error}");
    }
    assert_eq!(
        error(&["v3=1%"]),
        "there is no version v3; expected one of v1, v2"
    );
    assert_eq!(error(&["v2=1%", "v2=2%"]), "v2 is given twice");
    let unknown = "there is no service order; expected one of cart, product";
    let order = set(manifest(), "order", &["v2=1%".to_owned()]);
    assert_eq!(order.unwrap_err().to_string(), unknown);
    let off = turn_off(manifest(), "order").unwrap_err();
    assert_eq!(off.to_string(), unknown);
}

#[test]
fn what_the_filter_would_reject_is_not_set() {
    let mut config = manifest();
    config
        .as_object_mut()
        .unwrap()
        .insert("inside".to_owned(), 1.into());
    let error = change(config, &["v2=25%"]).unwrap_err();
    assert!(error.contains("inside: 1 is not a list"), "{error}");
}
