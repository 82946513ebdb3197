//! Tests of deliberate differences between this runtime and Spin. Each row of the table in README.md names a test. The test is in
//! this module, or in the module that tests the row's subject.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use crate::support::{Running, Setup, until};

const MANIFEST: &str = r#"
[[trigger.http]]
route = "/..."
component = "trouble"
[[trigger.http]]
route = "/headers"
component = "hello"
[[trigger.http]]
route = "/later"
component = "http"
[component.trouble]
source = "{guest-trouble}"
[component.hello]
source = "{guest-hello}"
[component.http]
source = "{guest-http}"
key_value_stores = ["default"]
"#;

/// Sends the bytes of a request. Returns everything received until the server closes the connection.
fn exchange(app: &Running, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(app.address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    socket.write_all(request).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_header_value_that_is_not_utf_8_reaches_the_guest() {
    let app = Setup::new(MANIFEST).start();
    let request =
        b"GET /headers HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-name: caf\xe9\r\n\r\n";
    let answer = exchange(&app, request);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // The guest reports a value that is not UTF-8 as `?`.
    assert!(answer.contains("x-name: ?"), "{answer}");
}

#[test]
fn a_request_without_a_host_is_400() {
    let app = Setup::new(MANIFEST).start();
    for version in ["1.0", "1.1"] {
        let request = format!("GET /headers HTTP/{version}\r\nconnection: close\r\n\r\n");
        let answer = exchange(&app, request.as_bytes());
        assert!(
            answer.starts_with(&format!("HTTP/{version} 400 ")),
            "{answer}"
        );
    }
}

#[test]
fn a_guest_that_continues_after_its_response_counts_as_running() {
    let mut setup = Setup::new(MANIFEST);
    setup.limits.max_instances = 1;
    let app = setup.start();
    let later = app.send(Method::GET, "/later?1500", Bytes::new());
    assert_eq!(app.wait(later).text(), "answered");
    assert_eq!(app.get("/fine").status, 503);
    until("the guest has returned", || {
        app.runtime.running_requests() == 0
    });
    assert_eq!(app.get("/fine").text(), "fine");
}

#[test]
fn a_line_of_over_64_kib_is_logged_in_pieces() {
    let app = Setup::new(MANIFEST).start();
    assert_eq!(app.get("/line?150000").text(), "printed");
    let lengths = || -> Vec<usize> {
        let lines = app.printed.lines();
        lines
            .iter()
            .map(|(_, _, line)| line.trim_end().len())
            .collect()
    };
    until("the whole line is printed", || {
        lengths().iter().sum::<usize>() == 150_000
    });
    let lengths = lengths();
    assert!(lengths.len() > 1, "{lengths:?}");
    assert!(
        lengths.iter().all(|length| *length < 2 * 65_536),
        "{lengths:?}"
    );
}

#[test]
fn the_wait_for_a_writer_does_not_use_sqlites_busy_timeout() {
    let app = Setup::new(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"sqlite\"\n[component.sqlite]\n\
         source = \"{guest-sqlite}\"\nsqlite_databases = [\"default\"]\n",
    )
    .start();
    let answer = app.post("/v3", "PRAGMA busy_timeout");
    assert_eq!(answer.text(), "[[Value::Integer(0)]]\n");
}

#[test]
fn the_limits_that_spin_does_not_have_are_on_by_default() {
    let limits = stoa_runtime::Limits::default();
    assert_eq!(limits.request_timeout, Duration::from_secs(30));
    assert_eq!(limits.max_request_body, 4 << 20);
    assert_eq!(limits.max_instances, 128);
    assert_eq!(limits.memory_per_instance, 128 << 20);
    let serve = stoa_runtime::ServeOptions::default();
    assert_eq!(serve.grace, Duration::from_secs(10));
}

/// The last column of the table contains `module::test`, which names a test of this crate, of stoa-manifest, or of the whole
/// system.
#[test]
fn each_row_of_the_table_names_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (_, section) = readme.split_once("## Differences from Spin\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<_> = section
        .lines()
        .filter(|l| l.starts_with('|'))
        .skip(2)
        .collect();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let tests = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap();
        assert!(tests.contains('`'), "the row does not name a test: {row}");
        for test in tests.split('`').skip(1).step_by(2) {
            let (module, function) = test.split_once("::").unwrap_or_else(|| panic!("{row}"));
            let function = format!("fn {function}(");
            let found = [".", "../stoa-manifest", "../.."].iter().any(|package| {
                let path = root
                    .join(package)
                    .join("tests")
                    .join(format!("{module}.rs"));
                std::fs::read_to_string(path).is_ok_and(|text| text.contains(&function))
            });
            assert!(found, "the test {test} does not exist: {row}");
        }
    }
}
