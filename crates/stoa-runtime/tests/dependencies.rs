//! Components composed into others.
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
    // The dependency does not get the environment of its user.
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
fn takes_the_export_that_is_named() {
    let named = r#""test:greeting/greet@1.0.0" = { component = "greeter", export = "test:greeting/greet@1.0.0" }"#;
    let app = Setup::new(&manifest(named)).start();
    assert_eq!(app.get("/?you").text(), "Hello, you");
}

#[test]
fn a_trap_in_a_dependency_fails_the_request_alone() {
    let app = Setup::new(&manifest(
        r#""test:greeting/greet@1.0.0" = { component = "greeter" }"#,
    ))
    .start();
    assert_eq!(app.get("/").status, 500);
    assert_eq!(app.get("/?again").text(), "Hello, again");
}

#[test]
fn refuses_a_dependency_that_does_not_fit() {
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
        "component greeted: dependency does not fit: it does not import test:greeting/farewell@1.0.0"
    );
    let error = load(
        r#""test:greeting/greet@1.0.0" = { component = "greeter", export = "test:greeting/wave" }"#,
    );
    assert_eq!(
        error,
        "component greeted: dependency does not fit: greeter does not export test:greeting/wave"
    );
    // As in Spin, an export needs its full name, and one import has one dependency.
    let error = load(
        r#""test:greeting/greet@1.0.0" = { component = "greeter", export = "test:greeting/greet" }"#,
    );
    assert_eq!(
        error,
        "component greeted: dependency does not fit: greeter does not export test:greeting/greet"
    );
    let error = load(
        "\"test:greeting/greet@1.0.0\" = { component = \"greeter\" }\n\
         \"test:greeting@1.0.0\" = { path = \"{guest-greeter}\" }",
    );
    let expected = "component greeted: dependency does not fit: test:greeting@1.0.0: ";
    assert!(error.starts_with(expected), "{error}");
    // Without the dependency, the runtime does not know the import.
    let error = load("");
    assert_eq!(
        error,
        "component greeted imports test:greeting/greet@1.0.0, which this runtime does not provide"
    );
}
