//! Apps that the runtime rejects when it loads them.
use std::sync::Arc;

use crate::support::{self, Printed, Setup};

/// The manifest of an app with one component. The component's file is odd.wasm.
const ODD_MANIFEST: &str = "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"odd\"\n[component.odd]\nsource = \"odd.wasm\"\n";

/// The error for the app of [`ODD_MANIFEST`] if odd.wasm contains the component that `wat` describes in the text format.
fn refusal(wat: &str) -> String {
    refusal_of(ODD_MANIFEST, &wat::parse_str(wat).unwrap())
}

/// The error for an app with the manifest `manifest` if odd.wasm contains `bytes`.
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
fn names_an_import_that_the_runtime_does_not_provide() {
    let wat = r#"(component (import "fermyon:spin/redis@2.0.0" (instance)))"#;
    let expected =
        "component odd imports fermyon:spin/redis@2.0.0, which this runtime does not provide";
    assert_eq!(refusal(wat), expected);
}

#[test]
fn rejects_a_component_for_wasi_0_3_and_names_the_right_sdk() {
    let expected = |component: &str, name: &str| {
        format!(
            "component {component}: /odd.wasm: is built for WASI 0.3 ({name}), but this runtime and SpinKube's shim \
             run WASI 0.2; build it with spin-sdk 5.2"
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
    // If the invalid file belongs to a dependency, the error is the same.
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
    let setup = Setup::new(ODD_MANIFEST);
    let module = support::wasm_module("hello");
    std::fs::copy(module, setup.folder.path().join("odd.wasm")).unwrap();
    assert_eq!(setup.start().get("/").text(), "hello");
}

#[test]
fn names_an_interface_with_an_unknown_function() {
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
fn rejects_a_component_without_a_handler() {
    assert_eq!(
        refusal("(component)"),
        "component odd does not export wasi:http/incoming-handler@0.2"
    );
}

#[test]
fn rejects_a_file_that_cannot_become_a_component() {
    assert_eq!(
        refusal("(module)"),
        "component odd: /odd.wasm: is a module that cannot become a component: the module does not have the custom section \
         that describes its interfaces; build the component for wasm32-wasip2"
    );
    assert_eq!(
        refusal_of(ODD_MANIFEST, b"<html>"),
        "component odd: /odd.wasm: is not a WebAssembly component"
    );
}

#[test]
fn names_a_missing_file() {
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
