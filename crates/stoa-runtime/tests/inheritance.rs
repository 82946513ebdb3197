//! A dependency inherits configuration from the component that uses it, but only if the manifest shares this configuration.
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Running, Setup};

/// A server that counts the connections that it accepts.
struct Server {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let server_calls = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                server_calls.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            }
        });
        Self { address, calls }
    }
}

/// Starts an app with a component that has all grants, and with the component's library. `component_level` is a line of the
/// component's table in the manifest, and `dependency` is a part of the dependency's entry. Each of these two texts can share
/// configuration with the library.
fn start(server: &Server, component_level: &str, dependency: &str) -> Running {
    let address = server.address;
    Setup::new(&format!(
        r#"
[variables]
key = {{ default = "of-the-user", secret = true }}
[[trigger.http]]
route = "/..."
component = "user"
[component.user]
source = "{{guest-library-user}}"
environment = {{ PASSWORD = "of-the-user" }}
allowed_outbound_hosts = ["http://{address}", "postgres://{address}"]
key_value_stores = ["default"]
sqlite_databases = ["default"]
{component_level}
[component.user.variables]
secret = "{{{{ key }}}}"
[component.user.dependencies]
"test:library/probe@1.0.0" = {{ path = "{{guest-library}}" {dependency} }}
"#
    ))
    .start()
}

/// The probes. Each probe has a name, the kind of configuration that it needs, its result if it has this configuration, and its
/// result if it does not.
fn probes(server: &Server) -> Vec<(String, &'static str, &'static str, &'static str)> {
    let address = server.address;
    vec![
        (
            "environment".to_owned(),
            "environment",
            r#"["PASSWORD=of-the-user"] []"#,
            "[] []",
        ),
        ("files".to_owned(), "files", "[]", "[]"),
        (
            "variables".to_owned(),
            "variables",
            r#"has "of-the-user""#,
            r#"has not: Error::Undefined("secret")"#,
        ),
        (
            "key_value_stores".to_owned(),
            "key_value_stores",
            "has Ok([])",
            "has not: Error::AccessDenied",
        ),
        (
            "sqlite".to_owned(),
            "sqlite_databases",
            r#"has "opened""#,
            "has not: Error::AccessDenied",
        ),
        (
            "sqlite3".to_owned(),
            "sqlite_databases",
            r#"has "opened""#,
            "has not: Error::AccessDenied",
        ),
        (
            format!("http+{address}"),
            "allowed_outbound_hosts",
            r#"has "204""#,
            "has not: ErrorCode::HttpRequestDenied",
        ),
        (
            format!("postgres+postgres://u@{address}/d"),
            "allowed_outbound_hosts",
            "has not: Error::ConnectionFailed(",
            r#"has not: Error::Other("spin:postgres/postgres@4.0.0 is not shared with this dependency")"#,
        ),
        // This runtime does not give sockets to any component, so the results with and without the configuration are equal.
        (
            format!("tcp+{address}"),
            "allowed_outbound_hosts",
            "has not: ",
            "has not: ",
        ),
    ]
}

/// Asserts that the component can use all of its grants, and that the library can use only the kinds of configuration that it
/// inherits.
#[track_caller]
fn assert_inherits(component_level: &str, dependency: &str, inherited: impl Fn(&str) -> bool) {
    let server = Server::start();
    let app = start(&server, component_level, dependency);
    for (probe, kind, with, without) in probes(&server) {
        let calls = server.calls.load(Ordering::SeqCst);
        let library = app.get(&format!("/library?{probe}"));
        let (expected, called) = match inherited(kind) {
            true => (
                with,
                with.contains("204") || with.contains("ConnectionFailed"),
            ),
            false => (without, false),
        };
        let at = format!("{component_level} {dependency}: {probe}");
        assert!(
            library.text().starts_with(expected),
            "{at}: {}",
            library.text()
        );
        assert_eq!(
            server.calls.load(Ordering::SeqCst) > calls,
            called,
            "{at}: the left value is true if a connection reached the server, the right value is the expected one"
        );
        let user = app.get(&format!("/own?{probe}"));
        assert!(user.text().starts_with(with), "{at}: {}", user.text());
    }
}

#[test]
fn a_dependency_inherits_nothing_by_default() {
    for (component_level, dependency) in [
        ("", ""),
        ("dependencies_inherit_configuration = false", ""),
        ("", ", inherit_configuration = false"),
        ("", ", inherit_configuration = []"),
        ("", ", inherit_configuration = [\"ai_models\"]"),
    ] {
        assert_inherits(component_level, dependency, |_| false);
    }
}

#[test]
fn a_dependency_inherits_everything_that_the_manifest_shares() {
    assert_inherits("dependencies_inherit_configuration = true", "", |_| true);
    assert_inherits("", ", inherit_configuration = true", |_| true);
}

#[test]
fn a_dependency_inherits_only_the_listed_kinds() {
    for kinds in [
        &["environment"][..],
        &["files"],
        &["variables"],
        &["key_value_stores"],
        &["sqlite_databases"],
        &["allowed_outbound_hosts"],
        &["variables", "environment"],
    ] {
        let dependency = format!(", inherit_configuration = {kinds:?}");
        assert_inherits("", &dependency, |kind| kinds.contains(&kind));
    }
}
