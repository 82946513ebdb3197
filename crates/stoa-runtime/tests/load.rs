//! Apps that are rejected before the first request.
use std::sync::Arc;

use crate::support::{self, Printed, Setup};

const ODD: &str = "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"odd\"\n[component.odd]\nsource = \"odd.wasm\"\n";

fn refusal(wat: &str) -> String {
    refusal_of(ODD, &wat::parse_str(wat).unwrap())
}

/// The error for an app whose file odd.wasm contains `bytes`.
fn refusal_of(manifest: &str, bytes: &[u8]) -> String {
    let setup = Setup::new(manifest);
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
}

#[test]
fn names_a_component_for_wasi_0_3_and_what_to_build_it_with() {
    let expected = |component: &str, name: &str| {
        format!(
            "component {component}: /odd.wasm: is built for WASI 0.3 ({name}); this runtime and SpinKube's shim run \
             WASI 0.2: build it with spin-sdk 5.2"
        )
    };
    let imports = r#"(component
        (import "wasi:http/types@0.3.0-rc-2026-03-15" (instance (export "f" (func (result (stream u8)))))))"#;
    assert_eq!(
        refusal(imports),
        expected("odd", "wasi:http/types@0.3.0-rc-2026-03-15")
    );
    let exports =
        r#"(component (instance $handler) (export "wasi:http/handler@0.3.0" (instance $handler)))"#;
    assert_eq!(refusal(exports), expected("odd", "wasi:http/handler@0.3.0"));
    // The same for a dependency.
    let manifest = r#"
[[trigger.http]]
route = "/..."
component = "greeted"
[component.greeted]
source = "{guest-greeted}"
[component.greeted.dependencies]
"test:greeting/greet@1.0.0" = { path = "odd.wasm" }
"#;
    assert_eq!(
        refusal_of(manifest, &wat::parse_str(exports).unwrap()),
        expected("greeted", "wasi:http/handler@0.3.0")
    );
}

#[test]
fn runs_a_module_for_wasm32_wasip1() {
    let setup = Setup::new(ODD);
    let module = support::wasm_module("hello");
    std::fs::copy(module, setup.folder.path().join("odd.wasm")).unwrap();
    assert_eq!(setup.start().get("/").text(), "hello");
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
    assert_eq!(
        refusal("(module)"),
        "component odd: /odd.wasm: is a module, not a component, and does not have the interfaces that one is made from; \
         build it for wasm32-wasip2"
    );
    assert_eq!(
        refusal_of(ODD, b"<html>"),
        "component odd: /odd.wasm: is not a WebAssembly component"
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
