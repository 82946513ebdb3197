//! The ways in which a guest can end, and their effect on the client and on a calling component. A partial response never looks
//! complete.
use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::connection::Connection;
use crate::support::{Running, Setup, until};

const MANIFEST: &str = r#"
[[trigger.http]]
route = "/..."
component = "ends"
[component.ends]
source = "{guest-http}"
allowed_outbound_hosts = ["http://*:*", "http://ends.spin.internal"]
key_value_stores = ["default"]
"#;

/// Failures that end the guest immediately.
const FAILURES: [&str; 5] = ["trap", "panic", "exit-1", "memory", "stack"];
/// Guests that never end by themselves, so the time limit cuts them off.
const ENDLESS: [&str; 2] = ["loop", "sleep"];
/// The path of a second request on a connection. Its response has a status that no other response in these tests has.
const NEXT: &str = "/status?299";
/// The beginning of the response to the request for [`NEXT`].
const NEXT_RESPONSE: &str = "HTTP/1.1 299 ";
/// The two possible last parts of the query of `/end`. With the first part, the guest declares a body length of 10. With the second
/// part, which is empty, the guest declares no length.
const WITH_AND_WITHOUT_LENGTH: [&str; 2] = [",10", ""];

fn start() -> Running {
    let mut setup = Setup::new(MANIFEST);
    setup.limits.memory_per_instance = 16 << 20;
    setup.start()
}

fn start_with_a_time_limit() -> Running {
    let mut setup = Setup::new(MANIFEST);
    setup.limits.request_timeout = Duration::from_secs(2);
    setup.start()
}

/// Returns the response to a request for `path`. Asserts that the connection then answers a second request.
fn response_on_kept_connection(app: &Running, path: &str) -> String {
    let mut connection = Connection::open(app);
    connection.get(path);
    connection.read_until("\r\n\r\n");
    connection.get(NEXT);
    connection.read_until(NEXT_RESPONSE);
    let text = connection.text();
    let next = text.rfind(NEXT_RESPONSE).unwrap();
    text[..next].to_owned()
}

/// Asserts that a response ended early, but after the first bytes of its body.
fn assert_cut_off(text: &str, case: &str) {
    assert_broken(text, case);
    assert!(text.contains("12345"), "{case}: {text}");
}

/// Asserts that a response ended early: its end is missing, and no second response follows.
fn assert_broken(text: &str, case: &str) {
    assert!(text.starts_with("HTTP/1.1 200 "), "{case}: {text}");
    assert!(!text.ends_with("0\r\n\r\n"), "{case}: {text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{case}: {text}");
}

/// Requests `path` until the response is 500, and returns that response. The guest starts a response and ends immediately. Usually
/// nothing was sent by then, so the client gets 500. But if the guest yielded its thread in between (a guest yields each
/// millisecond), the head was already sent, and the connection breaks.
fn error_response(app: &Running, path: &str) -> String {
    for _ in 0..100 {
        let mut connection = Connection::open(app);
        connection.get(path);
        connection.get(NEXT);
        let text = connection.read_to(NEXT_RESPONSE);
        if text.starts_with("HTTP/1.1 500 ") {
            let next = text.rfind(NEXT_RESPONSE).unwrap();
            return text[..next].to_owned();
        }
        // On a busy machine the connection may break before the head was written.
        if !text.is_empty() {
            assert_broken(&text, path);
        }
    }
    panic!("{path}: none of 100 attempts got the status 500");
}

#[test]
fn a_guest_that_fails_before_anything_was_sent_is_500() {
    let app = start();
    for way in FAILURES {
        let text = response_on_kept_connection(&app, &format!("/end?{way},silent"));
        assert!(text.starts_with("HTTP/1.1 500 "), "{way}: {text}");
        assert!(text.contains("component_failed"), "{way}: {text}");
    }
    for way in ["trap", "panic", "exit-1"] {
        for length in WITH_AND_WITHOUT_LENGTH {
            let text = error_response(&app, &format!("/end?{way},begun{length}"));
            assert!(text.contains("component_failed"), "{way}{length}: {text}");
            assert!(!text.contains("12345"), "{way}{length}: {text}");
        }
    }
}

#[test]
fn a_guest_that_fails_after_its_first_bytes_breaks_the_connection() {
    for length in WITH_AND_WITHOUT_LENGTH {
        for way in FAILURES {
            let app = start();
            let case = format!("{way},sent{length}");
            let mut connection = Connection::open(&app);
            connection.get(&format!("/end?{case}"));
            connection.read_until("12345");
            // The client has already sent a second request, as a client with pipelining does.
            connection.get(NEXT);
            assert_eq!(app.get("/mark?go").text(), "marked");
            assert_cut_off(&connection.read_to_end(), &case);
        }
    }
}

#[test]
fn the_time_limit_is_504_before_anything_was_sent() {
    let app = start_with_a_time_limit();
    for way in ENDLESS {
        let text = response_on_kept_connection(&app, &format!("/end?{way},silent"));
        assert!(text.starts_with("HTTP/1.1 504 "), "{way}: {text}");
    }
}

#[test]
fn the_time_limit_breaks_the_connection_after_the_first_bytes() {
    let app = start_with_a_time_limit();
    for length in WITH_AND_WITHOUT_LENGTH {
        for way in ENDLESS {
            let case = format!("{way},begun{length}");
            let mut connection = Connection::open(&app);
            connection.get(&format!("/end?{case}"));
            connection.get(NEXT);
            assert_cut_off(&connection.read_to_end(), &case);
        }
    }
}

#[test]
fn a_stop_breaks_the_connections_of_responses_that_are_not_complete() {
    for length in WITH_AND_WITHOUT_LENGTH {
        let mut setup = Setup::new(MANIFEST);
        setup.serve.grace = Duration::from_millis(100);
        let mut app = setup.start();
        let mut connection = Connection::open(&app);
        connection.get(&format!("/end?sleep,begun{length}"));
        connection.read_until("12345");
        let stopped = app.stop();
        app.wait(stopped).unwrap();
        assert_cut_off(&connection.read_to_end(), length);

        // The client's connection also breaks if the process stops the runtime together with its guests.
        let app = start();
        let mut connection = Connection::open(&app);
        connection.get(&format!("/end?sleep,begun{length}"));
        connection.read_until("12345");
        drop(app);
        assert_cut_off(&connection.read_to_end(), length);
    }
}

#[test]
fn a_body_that_does_not_have_its_declared_length_never_looks_complete() {
    let app = start();
    // The guest ends before any part of its response was sent.
    for (way, length) in [
        ("finish", 10),
        ("more", 10),
        ("drop", 10),
        ("leak", 10),
        ("exit", 10),
    ] {
        error_response(&app, &format!("/end?{way},begun,{length}"));
    }
    error_response(&app, "/end?drop,begun");
    for (way, length) in [
        ("finish", ",10"),
        ("more", ",10"),
        ("drop", ",10"),
        ("leak", ",10"),
        ("drop", ""),
    ] {
        let app = start();
        let mut connection = Connection::open(&app);
        connection.get(&format!("/end?{way},sent{length}"));
        connection.read_until("12345");
        connection.get(NEXT);
        assert_eq!(app.get("/mark?go").text(), "marked");
        assert_cut_off(&connection.read_to_end(), way);
    }
}

#[test]
fn a_complete_response_stays_complete_whatever_its_guest_does_afterwards() {
    let app = start();
    for way in FAILURES.into_iter().chain(["return", "exit"]) {
        let text = response_on_kept_connection(&app, &format!("/end?{way},finished,5"));
        assert!(text.starts_with("HTTP/1.1 200 "), "{way}: {text}");
        assert!(text.ends_with("\r\n\r\n12345"), "{way}: {text}");
    }
    let app = start_with_a_time_limit();
    for way in ENDLESS {
        let text = response_on_kept_connection(&app, &format!("/end?{way},finished"));
        assert!(text.ends_with("12345\r\n0\r\n\r\n"), "{way}: {text}");
    }
    // As in Spin, if a guest returns or exits with 0, its response is complete.
    for way in ["finish", "leak", "exit"] {
        let text = response_on_kept_connection(&app, &format!("/end?{way},begun,5"));
        assert!(text.ends_with("\r\n\r\n12345"), "{way}: {text}");
        let text = response_on_kept_connection(&app, &format!("/end?{way},begun"));
        let chunked = text.ends_with("12345\r\n0\r\n\r\n");
        assert!(chunked || text.ends_with("\r\n\r\n12345"), "{way}: {text}");
    }
}

#[test]
fn a_response_to_head_may_declare_the_length_of_the_response_to_get() {
    let app = start();
    for way in [
        "finish,begun,10",
        "finish,begun,5",
        "finish,begun",
        "finish,silent",
    ] {
        let status = if way == "finish,silent" { 500 } else { 200 };
        let mut connection = Connection::open(&app);
        connection.send(&format!("HEAD /end?{way} HTTP/1.1\r\nhost: x\r\n\r\n"));
        connection.read_until("\r\n\r\n");
        connection.get(NEXT);
        connection.read_until(NEXT_RESPONSE);
        let text = connection.text();
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status} ")),
            "{way}: {text}"
        );
        assert!(!text.contains("12345"), "{way}: {text}");
        if let Some(length) = way.strip_prefix("finish,begun,") {
            let length = format!("content-length: {length}\r\n");
            assert!(text.contains(&length), "{way}: {text}");
        }
    }
}

#[test]
fn an_informational_status_from_a_guest_is_500() {
    let app = start();
    for status in [100, 101, 103] {
        let text = response_on_kept_connection(&app, &format!("/status?{status}"));
        assert!(text.starts_with("HTTP/1.1 500 "), "{status}: {text}");
    }
    for status in [204, 304] {
        let text = response_on_kept_connection(&app, &format!("/status?{status}"));
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    }
}

#[test]
fn a_calling_component_gets_an_error_for_a_truncated_body() {
    let called = "http://ends.spin.internal/end?";
    for way in FAILURES {
        let app = start();
        let path = format!("/read?,,,{}{way},sent", &called["http://".len()..]);
        let reading = app.spawn(app.send(http::Method::GET, &path, bytes::Bytes::new()));
        until("the first bytes were read", || {
            app.get("/marks").text().contains("reading")
        });
        assert_eq!(app.get("/mark?go").text(), "marked");
        let answer = app.wait(reading).unwrap();
        assert_eq!(
            answer.text(),
            "200 12345 Some(ErrorCode::HttpProtocolError)",
            "{way}"
        );
    }
    let app = start();
    // Usually nothing of the callee's response was sent when the callee fails, and the caller gets 500. But if the callee was
    // interrupted after the head of its response, the caller has already received that head. So the request is repeated until the
    // caller gets 500.
    let mut attempts = 0..100;
    let nothing_sent = attempts.any(|_| {
        let answer = app.get(&format!("/get?{called}trap,begun"));
        let text = answer.text();
        let broken = text.starts_with("error ResponseConversion");
        assert!(broken || text.starts_with("500 {"), "{text}");
        !broken
    });
    assert!(
        nothing_sent,
        "in each of 100 attempts, the caller got a part of the callee's response"
    );
    let answer = app.get("/read?,,,ends.spin.internal/end?finish,begun");
    assert_eq!(answer.text(), "200 12345 whole");
}

#[test]
fn a_guest_that_fails_breaks_the_requests_that_it_was_sending() {
    // The guest sends a request to another component, which counts the bytes that arrive.
    for (way, end) in [
        ("trap", "5 Some(ErrorCode::HttpProtocolError)"),
        ("finish", "5 whole"),
    ] {
        let setup = Setup::new(MANIFEST);
        let app = setup.start();
        let failing = app.spawn(app.send(
            http::Method::GET,
            &format!("/fail-while-sending?{way},ends.spin.internal"),
            bytes::Bytes::new(),
        ));
        until("the other component has read the first bytes", || {
            app.get("/marks").text().contains("reading")
        });
        app.get("/mark?go");
        app.wait(failing).unwrap();
        until("the other component has read the whole body", || {
            app.get("/marks").text().contains(&mark_with_count(end))
        });
    }
    // The guest sends a request to a server over the network.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, beginning) = std::sync::mpsc::channel();
    let received = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut connection = Connection::over(socket);
        connection.read_until("12345");
        begun.send(()).unwrap();
        connection.read_to_end()
    });
    let app = start();
    let path = format!("/fail-while-sending?trap,{address}");
    let failing = app.spawn(app.send(http::Method::GET, &path, bytes::Bytes::new()));
    beginning.recv().unwrap();
    app.get("/mark?go");
    app.wait(failing).unwrap();
    let received = received.join().unwrap();
    assert!(!received.ends_with("0\r\n\r\n"), "{received}");
}

fn mark_with_count(end: &str) -> String {
    format!("counted {end}")
}

/// The log of this process, as text.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_log_names_the_component_and_the_limit_that_cut_it_off() {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(|| Log)
        .init();
    let mut setup = Setup::new(&MANIFEST.replace("ends", "cut-off"));
    setup.limits.request_timeout = Duration::from_secs(2);
    setup.limits.memory_per_instance = 16 << 20;
    let app = setup.start();
    for (way, limit) in [
        (
            "sleep",
            "cut off by the time limit: the guest still ran after 2s",
        ),
        ("memory", "cut off by the memory limit"),
    ] {
        let mut connection = Connection::open(&app);
        connection.get(&format!("/end?{way},begun"));
        let _ = connection.read_to_end();
        let line = format!("component=cut-off reason={limit}");
        until("the log has the line", || {
            String::from_utf8_lossy(&LOG.lock().unwrap()).contains(&line)
        });
    }
}
