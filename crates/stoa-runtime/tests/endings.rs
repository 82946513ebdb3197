//! Every way a guest can end, as its client and its caller see it: a partial response never looks complete.
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

/// Endings that happen immediately.
const FAILURES: [&str; 5] = ["trap", "panic", "exit-1", "memory", "stack"];
/// Endings that only the time limit causes.
const ENDLESS: [&str; 2] = ["loop", "sleep"];
/// A next request on a connection, and the start of its response, which no other response has.
const NEXT: &str = "/status?299";
const NEXT_BEGINS: &str = "HTTP/1.1 299 ";
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

/// The response to `path`; the same connection then answers the next request.
fn on_a_kept_connection(app: &Running, path: &str) -> String {
    let mut connection = Connection::open(app);
    connection.get(path);
    connection.read_until("\r\n\r\n");
    connection.get(NEXT);
    connection.read_until(NEXT_BEGINS);
    let text = connection.text();
    let next = text.rfind(NEXT_BEGINS).unwrap();
    text[..next].to_owned()
}

/// Asserts that a response broke off after its first bytes.
fn is_cut(text: &str, case: &str) {
    is_broken(text, case);
    assert!(text.contains("12345"), "{case}: {text}");
}

/// Asserts that a response broke off: it has no end, and no other response follows.
fn is_broken(text: &str, case: &str) {
    assert!(text.starts_with("HTTP/1.1 200 "), "{case}: {text}");
    assert!(!text.ends_with("0\r\n\r\n"), "{case}: {text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{case}: {text}");
}

/// The response to a guest that begins one and ends immediately. Usually nothing was sent by then. But a guest that yields its
/// thread in between (each does, after a millisecond) has sent at least its head, and its connection breaks. Repeats until
/// nothing was sent.
fn unsent(app: &Running, path: &str) -> String {
    for _ in 0..100 {
        let mut connection = Connection::open(app);
        connection.get(path);
        connection.get(NEXT);
        let text = connection.read_to(NEXT_BEGINS);
        if text.starts_with("HTTP/1.1 500 ") {
            let next = text.rfind(NEXT_BEGINS).unwrap();
            return text[..next].to_owned();
        }
        is_broken(&text, path);
    }
    panic!("{path}: a hundred times sent in part");
}

#[test]
fn a_guest_that_fails_before_anything_was_sent_is_500() {
    let app = start();
    for way in FAILURES {
        let text = on_a_kept_connection(&app, &format!("/end?{way},silent"));
        assert!(text.starts_with("HTTP/1.1 500 "), "{way}: {text}");
        assert!(text.contains("component_failed"), "{way}: {text}");
    }
    for way in ["trap", "panic", "exit-1"] {
        for length in WITH_AND_WITHOUT_LENGTH {
            let text = unsent(&app, &format!("/end?{way},begun{length}"));
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
            // The next request is already in flight, as from a client that pipelines.
            connection.get(NEXT);
            assert_eq!(app.get("/mark?go").text(), "marked");
            is_cut(&connection.read_to_end(), &case);
        }
    }
}

#[test]
fn the_time_limit_is_504_before_anything_was_sent() {
    let app = start_with_a_time_limit();
    for way in ENDLESS {
        let text = on_a_kept_connection(&app, &format!("/end?{way},silent"));
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
            is_cut(&connection.read_to_end(), &case);
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
        is_cut(&connection.read_to_end(), length);

        // The same if the whole runtime stops with its guests.
        let app = start();
        let mut connection = Connection::open(&app);
        connection.get(&format!("/end?sleep,begun{length}"));
        connection.read_until("12345");
        drop(app);
        is_cut(&connection.read_to_end(), length);
    }
}

#[test]
fn a_body_of_another_length_than_declared_is_never_sent_as_the_whole() {
    let app = start();
    // Nothing has been sent yet.
    for (way, length) in [
        ("finish", 10),
        ("more", 10),
        ("drop", 10),
        ("leak", 10),
        ("exit", 10),
    ] {
        unsent(&app, &format!("/end?{way},begun,{length}"));
    }
    unsent(&app, "/end?drop,begun");
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
        is_cut(&connection.read_to_end(), way);
    }
}

#[test]
fn a_complete_response_stays_complete_whatever_its_guest_does_afterwards() {
    let app = start();
    for way in FAILURES.into_iter().chain(["return", "exit"]) {
        let text = on_a_kept_connection(&app, &format!("/end?{way},finished,5"));
        assert!(text.starts_with("HTTP/1.1 200 "), "{way}: {text}");
        assert!(text.ends_with("\r\n\r\n12345"), "{way}: {text}");
    }
    let app = start_with_a_time_limit();
    for way in ENDLESS {
        let text = on_a_kept_connection(&app, &format!("/end?{way},finished"));
        assert!(text.ends_with("12345\r\n0\r\n\r\n"), "{way}: {text}");
    }
    // As in Spin, a guest that returns, or exits with 0, has finished its response.
    for way in ["finish", "leak", "exit"] {
        let text = on_a_kept_connection(&app, &format!("/end?{way},begun,5"));
        assert!(text.ends_with("\r\n\r\n12345"), "{way}: {text}");
        let text = on_a_kept_connection(&app, &format!("/end?{way},begun"));
        let chunked = text.ends_with("12345\r\n0\r\n\r\n");
        assert!(chunked || text.ends_with("\r\n\r\n12345"), "{way}: {text}");
    }
}

#[test]
fn a_head_response_may_declare_the_length_of_another() {
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
        connection.read_until(NEXT_BEGINS);
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
fn a_status_that_only_announces_another_is_500() {
    let app = start();
    for status in [100, 101, 103] {
        let text = on_a_kept_connection(&app, &format!("/status?{status}"));
        assert!(text.starts_with("HTTP/1.1 500 "), "{status}: {text}");
    }
    for status in [204, 304] {
        let text = on_a_kept_connection(&app, &format!("/status?{status}"));
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    }
}

#[test]
fn a_calling_component_learns_that_a_body_broke_off() {
    let called = "http://ends.spin.internal/end?";
    for way in FAILURES {
        let app = start();
        let path = format!("/read?,,,{}{way},sent", &called["http://".len()..]);
        let reading = app.spawn(app.send(http::Method::GET, &path, bytes::Bytes::new()));
        until("the beginning was read", || {
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
    // If the callee was interrupted between the head and the end of its response, the head has reached the caller.
    let mut attempts = 0..100;
    let unsent = attempts.any(|_| {
        let answer = app.get(&format!("/get?{called}trap,begun"));
        let text = answer.text();
        let broken = text.starts_with("error ResponseConversion");
        assert!(broken || text.starts_with("500 {"), "{text}");
        !broken
    });
    assert!(unsent, "a hundred times sent in part");
    let answer = app.get("/read?,,,ends.spin.internal/end?finish,begun");
    assert_eq!(answer.text(), "200 12345 whole");
}

#[test]
fn a_guest_that_fails_breaks_the_requests_that_it_was_sending() {
    // To another component, which counts the bytes that arrive.
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
        until("the body was begun", || {
            app.get("/marks").text().contains("reading")
        });
        app.get("/mark?go");
        app.wait(failing).unwrap();
        until("the other component has counted", || {
            app.get("/marks").text().contains(&mark_of(end))
        });
    }
    // The same over the network.
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

fn mark_of(end: &str) -> String {
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
        ("sleep", "cut off by the time limit: still running after 2s"),
        ("memory", "cut off by the memory limit"),
    ] {
        let mut connection = Connection::open(&app);
        connection.get(&format!("/end?{way},begun"));
        let _ = connection.read_to_end();
        let line = format!("component=cut-off reason={limit}");
        until("the log says so", || {
            String::from_utf8_lossy(&LOG.lock().unwrap()).contains(&line)
        });
    }
}
