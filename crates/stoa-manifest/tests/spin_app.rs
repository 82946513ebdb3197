//! Tests which fields of a SpinApp are read, which are ignored, and which are rejected.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stoa_manifest::SpinApp;

/// The schema of a SpinApp in spin-operator 0.6.1.
const CRD: &str =
    include_str!("../../../tools/istio-manifests/testdata/crds/core.spinkube.dev_spinapps.yaml");

/// The fields of `spec` in the CRD, each with its type. The file has a fixed indentation, because controller-gen wrote it, so no
/// YAML parser is needed.
fn fields() -> BTreeMap<&'static str, &'static str> {
    let spec = CRD
        .lines()
        .skip_while(|line| *line != "          spec:")
        .take_while(|line| *line != "          status:");
    let (mut fields, mut current) = (BTreeMap::new(), None);
    for line in spec {
        let text = line.trim_start();
        match line.len() - text.len() {
            14 => current = text.strip_suffix(':'),
            16 => {
                if let (Some(field), Some(kind)) = (current, text.strip_prefix("type: ")) {
                    fields.insert(field, kind);
                }
            }
            _ => {}
        }
    }
    fields
}

fn spin_app(spec: &Value) -> Value {
    json!({"apiVersion": "core.spinkube.dev/v1alpha1", "kind": "SpinApp", "metadata": {"name": "cart-v1", "namespace": "shop"}, "spec": spec})
}

#[test]
fn every_field_of_spin_operators_schema_is_accepted() {
    let fields = fields();
    for known in ["image", "invocationLimits", "replicas", "variables"] {
        assert!(fields.contains_key(known), "{known}: {fields:?}");
    }
    for (field, kind) in fields {
        let value = match kind {
            "array" => json!([]),
            "boolean" => json!(true),
            "integer" => json!(1),
            "object" => json!({}),
            "string" => json!("registry.example.com/shop:1"),
            other => panic!("{field}: unexpected type {other} in the schema"),
        };
        let mut spec = json!({"image": "registry.example.com/shop:1"});
        spec[field] = value;
        if let Err(error) = SpinApp::read(&spin_app(&spec)) {
            panic!("{field}: {error}");
        }
    }
}

#[test]
fn invocation_limits_are_accepted() {
    let app = spin_app(
        &json!({"image": "registry.example.com/shop:1", "invocationLimits": {"memory": "64Mi"}}),
    );
    assert_eq!(SpinApp::read(&app).unwrap().version, "1");
}

#[test]
fn a_variable_without_a_value_is_empty() {
    let app = spin_app(
        &json!({"image": "registry.example.com/shop:1", "variables": [{"name": "prefix"}, {"name": "url", "value": "http://a"}]}),
    );
    let want = BTreeMap::from([
        ("prefix".to_owned(), String::new()),
        ("url".to_owned(), "http://a".to_owned()),
    ]);
    assert_eq!(SpinApp::read(&app).unwrap().variables, want);
}

#[test]
fn a_variable_from_a_secret_is_left_to_the_application() {
    let app = spin_app(
        &json!({"image": "registry.example.com/shop:1", "variables": [
            {"name": "database_url", "valueFrom": {"secretKeyRef": {"name": "cart-database", "key": "url"}}},
            {"name": "url", "value": "http://a"},
        ]}),
    );
    let want = BTreeMap::from([("url".to_owned(), "http://a".to_owned())]);
    assert_eq!(SpinApp::read(&app).unwrap().variables, want);
}

#[test]
fn unsupported_fields_and_values_are_rejected() {
    let image = "registry.example.com/shop:1";
    for (spec, expected) in [
        (
            json!({"image": image, "invocationLimit": {}}),
            "unknown field `invocationLimit`",
        ),
        (
            json!({"image": image, "runtimeConfig": {"keyValueStores": []}}),
            "spec.runtimeConfig: not supported",
        ),
        (
            json!({"image": image, "variables": [{"name": "zone", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}),
            "spec.variables: the value of zone comes from fieldRef, which needs a cluster",
        ),
        (
            json!({"image": "registry.example.com:5000/shop"}),
            "expected an image with a tag",
        ),
    ] {
        let error = SpinApp::read(&spin_app(&spec)).unwrap_err().to_string();
        assert!(
            error.starts_with("SpinApp cart-v1: ") && error.contains(expected),
            "{error}"
        );
    }
}
