//! A component that is composed for another host: it needs no dependency, and it contains the guards of its dependencies.
use std::collections::BTreeSet;
use std::path::Path;

use stoa_manifest::{Capability, Dependency, DependencySource};
use stoa_runtime::{LoadError, standalone_component};
use wasmparser::{Parser, Payload};

use crate::support::{Running, Setup, wasm};

fn dependency(interface: &str, guest: &str, inherits: &[Capability]) -> Dependency {
    Dependency {
        interface: interface.to_owned(),
        source: DependencySource::Path(wasm(guest)),
        export: None,
        inherits: inherits.iter().copied().collect(),
    }
}

fn compose(user: &str, dependency: Dependency) -> Result<Vec<u8>, LoadError> {
    standalone_component("user", &wasm(user), &[dependency], |_| None)
}

/// Starts an app with the component in these bytes. `grants` is a part of the component's table in the manifest.
fn start(component: &[u8], grants: &str) -> Running {
    let mut setup = Setup::new("");
    let path = setup.folder.path().join("user.wasm");
    std::fs::write(&path, component).unwrap();
    setup.manifest = format!(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"user\"\n[component.user]\nsource = {path:?}\n{grants}"
    );
    setup.start()
}

/// The names of the component's imports, without those of nested components.
fn imports(component: &[u8]) -> BTreeSet<String> {
    let mut depth = 0;
    let mut names = BTreeSet::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(imports) if depth == 1 => {
                names.extend(imports.into_iter().map(|i| i.unwrap().name.name.to_owned()));
            }
            _ => {}
        }
    }
    names
}

#[test]
fn a_standalone_component_runs_without_its_dependency() {
    let greet = "test:greeting/greet@1.0.0";
    let component = compose("guest-greeted", dependency(greet, "guest-greeter", &[])).unwrap();
    assert!(!imports(&component).contains(greet));
    let grants = "environment = { GREETING = \"Welcome\" }";
    assert_eq!(start(&component, grants).get("/?you").text(), "Hello, you");

    let all = dependency(greet, "guest-greeter", &Capability::ALL);
    let component = compose("guest-greeted", all).unwrap();
    assert_eq!(
        start(&component, grants).get("/?you").text(),
        "Welcome, you",
        "a dependency that inherits everything has the environment"
    );
}

#[test]
fn any_host_can_run_a_standalone_component() {
    let library = dependency("test:library/probe@1.0.0", "guest-library", &[]);
    let component = compose("guest-library-user", library).unwrap();
    for import in imports(&component) {
        let provided = ["wasi:", "fermyon:spin/", "spin:"];
        assert!(provided.iter().any(|p| import.starts_with(p)), "{import}");
    }
}

#[test]
fn the_guard_denies_what_the_dependency_does_not_inherit() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let library = dependency("test:library/probe@1.0.0", "guest-library", &[]);
    let component = compose("guest-library-user", library).unwrap();
    let app = start(
        &component,
        &format!(
            "environment = {{ PASSWORD = \"of-the-user\" }}\nvariables = {{ secret = \"of-the-user\" }}\n\
             allowed_outbound_hosts = [\"http://{address}\", \"postgres://{address}\"]\n\
             key_value_stores = [\"default\"]\nsqlite_databases = [\"default\"]\n"
        ),
    );
    for (probe, empty) in [("environment", "[] []"), ("files", "[]")] {
        assert_eq!(app.get(&format!("/library?{probe}")).text(), empty);
    }
    for probe in [
        "variables",
        "key_value_stores",
        "sqlite",
        "sqlite3",
        &format!("http+{address}"),
        &format!("postgres+postgres://u@{address}/d"),
        &format!("tcp+{address}"),
    ] {
        let answer = app.get(&format!("/library?{probe}"));
        assert_eq!(answer.status, 500, "{probe}: {}", answer.text());
    }
    let error = listener.accept().unwrap_err();
    assert_eq!(
        error.kind(),
        std::io::ErrorKind::WouldBlock,
        "no connection"
    );
    let own = app.get("/own?variables");
    assert_eq!(
        own.text(),
        "has \"of-the-user\"",
        "the component keeps its grants"
    );
}

#[test]
fn a_dependency_inherits_the_listed_kinds_also_in_a_standalone_component() {
    let kinds = [Capability::Variables];
    let library = dependency("test:library/probe@1.0.0", "guest-library", &kinds);
    let component = compose("guest-library-user", library).unwrap();
    let grants = "variables = { secret = \"of-the-user\" }\nkey_value_stores = [\"default\"]";
    let app = start(&component, grants);
    let variables = app.get("/library?variables");
    assert_eq!(variables.text(), "has \"of-the-user\"");
    assert_eq!(app.get("/library?key_value_stores").status, 500);
}

#[test]
fn composition_gives_the_same_bytes_each_time() {
    let library = || dependency("test:library/probe@1.0.0", "guest-library", &[]);
    let first = compose("guest-library-user", library()).unwrap();
    assert!(first == compose("guest-library-user", library()).unwrap());
}

#[test]
fn a_component_without_dependencies_is_the_content_of_its_file() {
    let file = wasm("guest-hello");
    let component = standalone_component("hello", &file, &[], |_| None).unwrap();
    assert!(component == std::fs::read(&file).unwrap());
}

#[test]
fn the_error_names_the_component_and_the_missing_file_or_import() {
    let missing = Path::new("/nowhere/hello.wasm");
    let error = standalone_component("hello", missing, &[], |_| None).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("component hello") && text.contains("/nowhere/hello.wasm"),
        "{text}"
    );
    let other = dependency("test:other/greet", "guest-greeter", &[]);
    let text = compose("guest-greeted", other).unwrap_err().to_string();
    assert!(text.contains("does not import test:other/greet"), "{text}");
}
