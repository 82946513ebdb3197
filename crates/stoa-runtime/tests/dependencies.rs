//! Components that are composed into other components.
use crate::support::{Printed, Setup};
use std::sync::Arc;

fn manifest(dependency: &str) -> String {
    format!(
        r#"
[[trigger.http]]
route = "/..."
component = "greeted"
[component.greeted]
source = "{{guest-greeted}}"
environment = {{ GREETING = "Welcome" }}
[component.greeted.dependencies]
{dependency}
[component.greeter]
source = "{{guest-greeter}}"
"#
    )
}

#[test]
fn composes_a_component_of_the_app() {
    let app = Setup::new(&manifest(
        r#""test:greeting/greet@1.0.0" = { component = "greeter" }"#,
    ))
    .start();
    // The greeter does not get the environment of the component that uses it.
    assert_eq!(app.get("/?you").text(), "Hello, you");
}

#[test]
fn composes_a_file_and_a_whole_package() {
    let app = Setup::new(&manifest(
        r#""test:greeting@1.0.0" = { path = "{guest-greeter}", inherit_configuration = true }"#,
    ))
    .start();
    assert_eq!(app.get("/?you").text(), "Welcome, you");
    let app = Setup::new(&manifest(
        r#""test:greeting" = { path = "{guest-greeter}" }"#,
    ))
    .start();
    assert_eq!(app.get("/?you").text(), "Hello, you");
}

#[test]
fn uses_the_export_that_the_manifest_names() {
    let named = r#""test:greeting/greet@1.0.0" = { component = "greeter", export = "test:greeting/greet@1.0.0" }"#;
    let app = Setup::new(&manifest(named)).start();
    assert_eq!(app.get("/?you").text(), "Hello, you");
}

#[test]
fn a_trap_in_a_dependency_fails_only_its_request() {
    let app = Setup::new(&manifest(
        r#""test:greeting/greet@1.0.0" = { component = "greeter" }"#,
    ))
    .start();
    assert_eq!(app.get("/").status, 500);
    assert_eq!(app.get("/?again").text(), "Hello, again");
}

#[test]
fn rejects_a_dependency_that_cannot_satisfy_the_import() {
    let load = |dependency| {
        let setup = Setup::new(&manifest(dependency));
        setup
            .load(Arc::new(Printed::default()))
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    let error = load(r#""test:greeting/farewell@1.0.0" = { component = "greeter" }"#);
    assert_eq!(
        error,
        "component greeted: cannot use a dependency: the component does not import test:greeting/farewell@1.0.0"
    );
    let error = load(
        r#""test:greeting/greet@1.0.0" = { component = "greeter", export = "test:greeting/wave" }"#,
    );
    assert_eq!(
        error,
        "component greeted: cannot use a dependency: greeter does not export test:greeting/wave"
    );
    // As in Spin, `export` must be the full name of an export, and two dependencies cannot satisfy the same import.
    let error = load(
        r#""test:greeting/greet@1.0.0" = { component = "greeter", export = "test:greeting/greet" }"#,
    );
    assert_eq!(
        error,
        "component greeted: cannot use a dependency: greeter does not export test:greeting/greet"
    );
    let error = load(
        "\"test:greeting/greet@1.0.0\" = { component = \"greeter\" }\n\
         \"test:greeting@1.0.0\" = { path = \"{guest-greeter}\" }",
    );
    let expected = "component greeted: cannot use a dependency: test:greeting@1.0.0: ";
    assert!(error.starts_with(expected), "{error}");
    // Without a dependency, neither the host nor another component provides the import.
    let error = load("");
    assert_eq!(
        error,
        "component greeted imports test:greeting/greet@1.0.0, which this runtime does not provide"
    );
}
