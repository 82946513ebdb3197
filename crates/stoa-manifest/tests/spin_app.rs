//! Fields of a SpinApp that are read, and fields that are not.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stoa_manifest::SpinApp;

/// The schema of spin-operator 0.6.1.
const CRD: &str =
    include_str!("../../../tools/istio-manifests/testdata/crds/core.spinkube.dev_spinapps.yaml");

/// The fields of `spec` in the CRD, each with its type. controller-gen indents by a fixed width, so no YAML parser is needed.
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
fn reads_every_field_of_the_operators_schema() {
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
            other => panic!("{field} is of the type {other}"),
        };
        let mut spec = json!({"image": "registry.example.com/shop:1"});
        spec[field] = value;
        if let Err(error) = SpinApp::read(&spin_app(&spec)) {
            panic!("{field}: {error}");
        }
    }
}

#[test]
fn accepts_limits_of_an_invocation() {
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
fn rejects_what_it_cannot_honour() {
    let image = "registry.example.com/shop:1";
    for (spec, want) in [
        (
            json!({"image": image, "invocationLimit": {}}),
            "unknown field `invocationLimit`",
        ),
        (
            json!({"image": image, "runtimeConfig": {"keyValueStores": []}}),
            "spec.runtimeConfig is not supported",
        ),
        (
            json!({"image": image, "variables": [{"name": "key", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]}),
            "spec.variables: key has a valueFrom",
        ),
        (
            json!({"image": "registry.example.com:5000/shop"}),
            "expected an image with a tag",
        ),
    ] {
        let error = SpinApp::read(&spin_app(&spec)).unwrap_err().to_string();
        assert!(
            error.starts_with("SpinApp cart-v1: ") && error.contains(want),
            "{error}"
        );
    }
}
