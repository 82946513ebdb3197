//! What is refused before the first request.
use std::sync::Arc;

use crate::support::{Printed, Setup};

fn refusal(wat: &str) -> String {
    let setup = Setup::new(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"odd\"\n[component.odd]\nsource = \"odd.wasm\"\n",
    );
    let bytes = wat::parse_str(wat).unwrap();
    std::fs::write(setup.folder.path().join("odd.wasm"), bytes).unwrap();
    let refused = setup
        .load(Arc::new(Printed::default()))
        .map(drop)
        .unwrap_err();
    refused
        .to_string()
        .replace(setup.folder.path().to_str().unwrap(), "")
}

#[test]
fn names_the_import_it_does_not_know() {
    let wat = r#"(component (import "fermyon:spin/redis@2.0.0" (instance)))"#;
    let expected =
        "component odd imports fermyon:spin/redis@2.0.0, which this runtime does not provide";
    assert_eq!(refusal(wat), expected);
    let wat = r#"(component (import "wasi:http/handler@0.3.0" (instance)))"#;
    let expected =
        "component odd imports wasi:http/handler@0.3.0, which this runtime does not provide";
    assert_eq!(refusal(wat), expected);
}

#[test]
fn names_the_interface_whose_function_it_does_not_know() {
    let wat =
        r#"(component (import "fermyon:spin/variables@2.0.0" (instance (export "all" (func)))))"#;
    let refused = refusal(wat);
    assert!(
        refused.starts_with("component odd: /odd.wasm: "),
        "{refused}"
    );
    assert!(
        refused.contains("fermyon:spin/variables@2.0.0"),
        "{refused}"
    );
}

#[test]
fn refuses_a_component_without_a_handler() {
    assert_eq!(
        refusal("(component)"),
        "component odd does not export wasi:http/incoming-handler@0.2"
    );
}

#[test]
fn refuses_what_is_no_component() {
    let refused = refusal("(module)");
    assert!(
        refused.starts_with("component odd: /odd.wasm: "),
        "{refused}"
    );
}

#[test]
fn names_the_file_that_is_missing() {
    let setup = Setup::new(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"gone\"\n[component.gone]\nsource = \"gone.wasm\"\n",
    );
    let refused = setup
        .load(Arc::new(Printed::default()))
        .map(drop)
        .unwrap_err()
        .to_string();
    assert!(refused.starts_with("component gone: "), "{refused}");
    assert!(refused.contains("gone.wasm: No such file"), "{refused}");
}
