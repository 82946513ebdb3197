//! A guest that misbehaves affects only its own request.
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;

use crate::support::{Answer, Running, Setup, until};

const MANIFEST: &str = r#"
[[trigger.http]]
route = "/..."
component = "trouble"
[component.trouble]
source = "{guest-trouble}"
[[trigger.http]]
route = "/nothing"
component = "http"
[[trigger.http]]
route = "/get"
component = "http"
[component.http]
source = "{guest-http}"
allowed_outbound_hosts = ["http://http.spin.internal", "http://trouble.spin.internal"]
"#;

fn setup() -> Setup {
    let mut setup = Setup::new(MANIFEST);
    setup.limits.request_timeout = Duration::from_secs(2);
    setup
}

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&status.into(), &code.into()),
        "{problem}"
    );
    for member in ["type", "title", "detail", "instance", "request_id"] {
        assert!(problem[member].is_string(), "{member} in {problem}");
    }
    assert_eq!(
        answer.headers["x-request-id"].to_str().ok(),
        problem["request_id"].as_str()
    );
}

#[test]
fn a_problem_has_the_path_and_the_request_id() {
    let app = setup().start();
    let problem_for = |id: &str| {
        let request = Request::get("/trap?secret=1")
            .header("host", "here")
            .header("x-request-id", id);
        let request = request.body(stoa_runtime::body::empty()).unwrap();
        let body = app.wait(async {
            app.app
                .handle(request)
                .await
                .collect()
                .await
                .unwrap()
                .to_bytes()
        });
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()
    };
    let problem = problem_for("abc-1");
    assert_eq!(
        (&problem["instance"], &problem["request_id"]),
        (&"/trap".into(), &"abc-1".into())
    );
    let problem = problem_for(&"x".repeat(200));
    assert_eq!(
        problem["request_id"].as_str().map(str::len),
        Some(36),
        "{problem}"
    );
}

fn start_many(app: &Running, path: &str, count: usize) -> Vec<tokio::task::JoinHandle<Answer>> {
    (0..count)
        .map(|_| app.spawn(app.send(Method::GET, path, Bytes::new())))
        .collect()
}

#[test]
fn a_trap_is_500_without_internal_details() {
    let app = setup().start();
    let answer = app.get("/trap");
    assert_problem(&answer, 500, "component_failed");
    assert!(!answer.text().contains("unreachable") && !answer.text().contains("wasm"));
    assert_eq!(app.get("/fine").text(), "fine");
}

#[test]
fn a_recursion_may_be_as_deep_as_in_spin() {
    let app = setup().start();
    assert_eq!(app.get("/recurse?10000").text(), "10000");
    assert_problem(&app.get("/recurse?20000"), 500, "component_failed");
}

#[test]
fn a_loop_is_cut_off_and_does_not_delay_other_requests() {
    let app = setup().start();
    let begun = Instant::now();
    // Four requests loop. This is more than the number of worker threads.
    let loops = start_many(&app, "/loop", 4);
    until("the loops run", || app.runtime.running_requests() >= 4);
    let mut times: Vec<_> = (0..50)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(app.get("/fine").text(), "fine");
            begun.elapsed()
        })
        .collect();
    times.sort();
    assert!(
        times[25] < Duration::from_millis(100),
        "median {:?}",
        times[25]
    );
    for request in loops {
        assert_problem(&app.wait(request).unwrap(), 504, "request_timeout");
    }
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_secs(2) && took < Duration::from_secs(10),
        "{took:?}"
    );
}

#[test]
fn a_guest_that_exceeds_its_memory_limit_fails_only_its_request() {
    let mut setup = setup();
    setup.limits.memory_per_instance = 16 << 20;
    setup.limits.request_timeout = Duration::from_secs(20);
    let app = setup.start();
    let requests = start_many(&app, "/memory", 4);
    assert_eq!(app.get("/fine").text(), "fine");
    for request in requests {
        assert_problem(&app.wait(request).unwrap(), 500, "component_failed");
    }
    assert_eq!(app.get("/fine").text(), "fine");
}

#[test]
fn a_body_over_the_limit_is_413() {
    let mut setup = setup();
    setup.limits.max_request_body = 1_000;
    let app = setup.start();
    assert_eq!(app.post("/body", vec![b'x'; 1_000]).text(), "1000");
    assert_problem(&app.post("/body", vec![b'x'; 1_001]), 413, "body_too_large");

    // Without a content-length, the runtime detects a large body only while the guest reads the body.
    let chunked = |size: usize| {
        use std::io::{Read, Write};
        let mut socket = std::net::TcpStream::connect(app.address).unwrap();
        let head = "POST /body HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
        let body = "x".repeat(size);
        write!(socket, "{head}{size:x}\r\n{body}\r\n0\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(chunked(1_000).ends_with("1000"), "{}", chunked(1_000));
    assert!(
        chunked(5_000).starts_with("HTTP/1.1 413"),
        "{}",
        chunked(5_000)
    );
}

/// Sends a part of a request.
fn send_part(app: &Running, part: &str) -> std::net::TcpStream {
    use std::io::Write;
    let mut socket = std::net::TcpStream::connect(app.address).unwrap();
    socket.write_all(part.as_bytes()).unwrap();
    socket
}

/// Returns everything received until the server closes the connection.
fn read_to_end(mut socket: std::net::TcpStream) -> String {
    use std::io::Read;
    let mut answer = String::new();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn an_incomplete_body_holds_no_instance_and_is_408_after_the_time_limit() {
    let mut setup = setup();
    setup.limits.max_instances = 1;
    let app = setup.start();
    let halves = [
        "content-length: 10\r\n\r\nhalf",
        "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "content-length: 10\r\nexpect: 100-continue\r\n\r\n",
    ];
    let halves =
        halves.map(|rest| send_part(&app, &format!("POST /body HTTP/1.1\r\nhost: x\r\n{rest}")));
    for _ in 0..10 {
        assert_eq!(app.get("/fine").text(), "fine");
    }
    for half in halves {
        let answer = read_to_end(half);
        let answer = answer
            .strip_prefix("HTTP/1.1 100 Continue\r\n\r\n")
            .unwrap_or(&answer);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        assert!(answer.contains("\"incomplete_body\""), "{answer}");
    }
}

#[test]
fn a_body_with_an_invalid_chunk_is_400() {
    let app = setup().start();
    let answer = read_to_end(send_part(
        &app,
        "POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nno number\r\n",
    ));
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn a_request_head_has_a_time_limit_and_a_size_limit() {
    let mut setup = setup();
    setup.limits.head_timeout = Duration::from_millis(300);
    setup.limits.max_request_head = 1_000;
    let app = setup.start();
    assert_eq!(read_to_end(send_part(&app, "")), "");
    assert_eq!(
        read_to_end(send_part(&app, "GET /fine HTTP/1.1\r\nhost: x\r\nx-y")),
        ""
    );
    let idle = send_part(&app, "GET /fine HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(
        read_to_end(idle).ends_with("fine"),
        "an idle connection is closed after its response"
    );
    let response_to_head_of = |size: usize| {
        let filler = "x".repeat(size);
        let head = format!("GET /fine HTTP/1.1\r\nhost: x\r\nx-y: {filler}\r\n\r\n");
        read_to_end(send_part(&app, &head))
    };
    assert!(response_to_head_of(800).ends_with("fine"));
    assert!(response_to_head_of(1_000).starts_with("HTTP/1.1 431 "));
}

#[test]
fn a_request_over_the_limit_is_503_at_once() {
    let mut setup = setup();
    setup.limits.max_instances = 2;
    let app = setup.start();
    let running = start_many(&app, "/burn?1500", 2);
    until("two requests run", || app.runtime.running_requests() == 2);
    let begun = Instant::now();
    let refused = app.get("/fine");
    assert_problem(&refused, 503, "too_many_requests_at_once");
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(begun.elapsed() < Duration::from_secs(1));
    for request in running {
        assert_eq!(app.wait(request).unwrap().status, 200);
    }
    assert_eq!(app.get("/fine").text(), "fine");
}

#[test]
fn nested_calls_succeed_at_the_limit_of_requests() {
    let mut setup = setup();
    setup.limits.max_instances = 4;
    setup.limits.request_timeout = Duration::from_secs(10);
    let app = setup.start();
    // Each chain of calls needs four instances, but counts as only one running request.
    let inner = "http://http.spin.internal/get?".repeat(3) + "http://trouble.spin.internal/fine";
    let path = format!("/get?{inner}");
    for _ in 0..10 {
        let chains = start_many(&app, &path, 4);
        for chain in chains {
            let answer = app.wait(chain).unwrap();
            assert_eq!(answer.text(), "200 200 200 200 fine");
        }
    }
}

#[test]
fn calls_that_are_nested_too_deep_fail() {
    let mut setup = setup();
    setup.limits.max_call_depth = 3;
    let app = setup.start();
    let path = format!(
        "/get?{}",
        "http://http.spin.internal/get?".repeat(4) + "http://http.spin.internal/here"
    );
    let answer = app.get(&path);
    assert!(answer.text().contains("LoopDetected"), "{}", answer.text());
}

#[test]
fn a_guest_that_returns_without_a_response_is_500() {
    let app = setup().start();
    assert_problem(&app.get("/nothing"), 500, "component_failed");
}

#[test]
fn a_large_response_arrives_complete() {
    let app = setup().start();
    let answer = app.get("/large?5000000");
    assert_eq!(answer.body.len(), 5_000_000);
    assert!(answer.body.iter().all(|b| *b == b'x'));
}
