//! The requests that a guest sends: to other components in this process, and to the network.
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};

use crate::support::{Running, Setup, until};

fn manifest(hosts: &str) -> String {
    format!(
        r#"
[[trigger.http]]
route = "/..."
component = "caller"
[component.caller]
source = "{{guest-http}}"
allowed_outbound_hosts = [{hosts}]
key_value_stores = ["default"]
[[trigger.http]]
route = {{ private = true }}
component = "hidden"
[component.hidden]
source = "{{guest-http}}"
key_value_stores = ["default"]
"#
    )
}

fn start(hosts: &str) -> Running {
    Setup::new(&manifest(hosts)).start()
}

/// Starts a simple HTTP server in a thread. The server sends the head of each request to the returned receiver, waits for the time
/// `pause`, and responds to the request with `answer`.
fn server(answer: &'static str, pause: Duration) -> (SocketAddr, mpsc::Receiver<String>) {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, heads_receiver) = mpsc::channel();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let heads = heads.clone();
            thread::spawn(move || {
                let mut socket = socket.unwrap();
                let mut received = Vec::new();
                let mut buffer = [0; 4096];
                loop {
                    let Ok(read @ 1..) = socket.read(&mut buffer) else {
                        return;
                    };
                    received.extend_from_slice(&buffer[..read]);
                    if let Some(end) = received.windows(4).position(|w| w == b"\r\n\r\n") {
                        let rest = received.split_off(end + 4);
                        let _ = heads.send(
                            String::from_utf8(std::mem::replace(&mut received, rest)).unwrap(),
                        );
                        received.clear();
                        thread::sleep(pause);
                        let _ = write!(
                            socket,
                            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}",
                            answer.len()
                        );
                    }
                }
            });
        }
    });
    (address, heads_receiver)
}

#[test]
fn reaches_a_server_that_is_allowed() {
    let (address, heads) = server("outside", Duration::ZERO);
    let app = start(&format!("\"http://{address}\""));
    assert_eq!(
        app.get(&format!("/get?http://{address}/a/b?c=d")).text(),
        "200 outside"
    );
    let head = heads.recv().unwrap();
    assert!(head.starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {address}\r\n")), "{head}");
    // This request goes to the same server as the request above. It uses the connection that the request above left in the pool.
    assert_eq!(
        app.get(&format!("/get?http://{address}")).text(),
        "200 outside"
    );
    assert!(heads.recv().unwrap().starts_with("GET / HTTP/1.1\r\n"));
}

#[test]
fn rejects_a_url_that_is_not_allowed() {
    let (address, heads) = server("outside", Duration::ZERO);
    let other = format!("http://localhost:{}", address.port());
    let app = start("\"https://127.0.0.1:*\", \"http://127.0.0.1:1\", \"http://*.example.com\"");
    for url in [
        &format!("http://{address}"),
        &other,
        "http://hidden.spin.internal",
        "http://example.com/",
    ] {
        let answer = app.get(&format!("/get?{url}"));
        assert!(
            answer.text().contains("HttpRequestDenied"),
            "{url}: {}",
            answer.text()
        );
    }
    assert!(heads.try_recv().is_err());
}

#[test]
fn allows_wildcards_of_scheme_host_and_port() {
    let (address, _heads) = server("outside", Duration::ZERO);
    for allowed in ["*://*:*", "http://*:*", "*://127.0.0.1:*"] {
        let app = start(&format!("\"{allowed}\""));
        let answer = app.get(&format!("/get?http://{address}/"));
        assert_eq!(answer.text(), "200 outside", "{allowed}");
    }
}

#[test]
fn calls_another_component_in_process() {
    let app = start("\"http://hidden.spin.internal\"");
    assert_eq!(
        app.get("/get?http://hidden.spin.internal/x").text(),
        "200 here"
    );
    let answer = app.post("/post?http://hidden.spin.internal/echo?q", "body");
    assert_eq!(answer.text(), "200 post=true q body");
    // If the called component fails, the caller gets the same error response as a client.
    let answer = app.get("/get?http://hidden.spin.internal/nothing");
    assert!(answer.text().starts_with("500 {"), "{}", answer.text());
}

#[test]
fn a_wildcard_allows_every_component() {
    let app = start("\"http://*.spin.internal\"");
    let answer = app.get("/get?http://hidden.spin.internal/x");
    assert_eq!(answer.text(), "200 here");
    let answer = app.get("/get?http://missing.spin.internal/x");
    assert!(
        answer.text().contains("DestinationNotFound"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_guest_cannot_set_the_host() {
    let app = start("");
    let answer = app.get("/set-host");
    assert!(answer.text().contains("Forbidden"), "{}", answer.text());
}

#[test]
fn names_the_cause_of_a_failed_connection() {
    let closed_address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let app = start("\"http://*:*\", \"https://*:*\"");
    let answer = app.get(&format!("/get?http://{closed_address}/"));
    assert!(
        answer.text().contains("ConnectionRefused"),
        "{}",
        answer.text()
    );
    let answer = app.get("/get?http://no-such-host.invalid/");
    assert!(answer.text().contains("DnsError"), "{}", answer.text());
}

#[test]
fn applies_the_first_byte_timeout_of_a_guest() {
    let (address, _heads) = server("late", Duration::from_millis(400));
    let app = start("\"http://*:*\", \"http://hidden.spin.internal\"");
    for slow in [address.to_string(), "hidden.spin.internal".to_owned()] {
        let answer = app.get(&format!("/first-byte-timeout?100,{slow}"));
        assert!(
            answer.text().contains("ConnectionReadTimeout"),
            "{slow}: {}",
            answer.text()
        );
        let answer = app.get(&format!("/first-byte-timeout?5000,{slow}"));
        assert_eq!(answer.text(), "200", "{slow}");
    }
}

#[test]
fn sends_through_the_proxy_and_keeps_the_host_header() {
    let (address, heads) = server("by proxy", Duration::ZERO);
    let mut setup = Setup::new(&manifest(
        "\"http://*:*\", \"https://*:*\", \"http://hidden.spin.internal\"",
    ));
    setup.options.outbound_proxy = Some(address);
    let app = setup.start();
    assert_eq!(
        app.get("/get?http://shop.example.com/x").text(),
        "200 by proxy"
    );
    let head = heads.recv().unwrap();
    assert!(head.starts_with("GET /x HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("host: shop.example.com\r\n"), "{head}");
    assert_eq!(
        app.get("/get?http://hidden.spin.internal/x").text(),
        "200 here"
    );
    let answer = app.get("/get?https://shop.example.com/x");
    assert!(
        answer.text().contains("HttpRequestDenied"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_guest_finishes_its_work_after_its_response() {
    let app = start("");
    let begun = Instant::now();
    assert_eq!(app.get("/later?800").text(), "answered");
    assert!(
        begun.elapsed() < Duration::from_millis(700),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(app.get("/marks").text(), "");
    until("the guest has left its mark", || {
        app.get("/marks").text() == "later"
    });
}

#[test]
fn a_guest_finishes_its_work_after_its_client_has_disconnected() {
    use std::io::Write;
    let app = start("");
    let mut socket = std::net::TcpStream::connect(app.address).unwrap();
    write!(socket, "GET /slow?300 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    until("the guest runs", || app.runtime.running_requests() == 1);
    drop(socket);
    until("the guest has left its mark", || {
        app.get("/marks").text() == "slow"
    });
}

#[test]
fn a_called_component_finishes_after_its_caller_is_cut_off() {
    let mut setup = Setup::new(&manifest("\"http://hidden.spin.internal\""));
    setup.limits.request_timeout = Duration::from_secs(3);
    let app = setup.start();
    // The caller is cut off after 3 s. The called component starts after 1.5 s and runs for 2.2 s, so it ends at about 3.7 s. The
    // time limit of the called component ends later, at 4.5 s.
    let answer = app.get("/sleep-get?1500,http://hidden.spin.internal/slow?2200");
    assert_eq!(answer.status, 504, "{}", answer.text());
    until("the callee has left its mark", || {
        app.get("/marks").text() == "slow"
    });
}

#[test]
fn call_reaches_any_component_without_a_socket() {
    let app = start("");
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://anything/echo?q");
    let request = request
        .body(stoa_runtime::body::full(Bytes::from_static(b"in")))
        .unwrap();
    let answer = app.wait(app.app.call("hidden", request)).unwrap();
    use http_body_util::BodyExt;
    let body = app.wait(answer.into_body().collect()).unwrap().to_bytes();
    assert_eq!(&body[..], b"post=true q in");
}

/// Starts a server that sends `parts`. After each part, the server waits for a message from the returned sender. After the last
/// part, it closes the connection.
fn server_in_parts(parts: &'static [&'static str]) -> (SocketAddr, mpsc::Sender<()>) {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (continue_sender, continue_receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let mut head = String::new();
        while !head.contains("\r\n\r\n") {
            let read = socket.read(&mut buffer).unwrap();
            head += std::str::from_utf8(&buffer[..read]).unwrap();
        }
        for part in parts {
            let _ = socket.write_all(part.as_bytes());
            let _ = continue_receiver.recv();
        }
    });
    (address, continue_sender)
}

#[test]
fn a_guest_gets_different_errors_for_a_late_body_and_a_broken_body() {
    let app = start("\"http://*:*\"");
    let (address, _continue_sender) =
        server_in_parts(&["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"]);
    let answer = app.get(&format!("/read?,,300,{address}/"));
    assert_eq!(
        answer.text(),
        "200 12345 Some(ErrorCode::ConnectionReadTimeout)"
    );
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\nno chunk\r\n",
    ] {
        let parts = Box::leak(Box::new([head]));
        let (address, continue_sender) = server_in_parts(parts);
        drop(continue_sender);
        let answer = app.get(&format!("/read?,,5000,{address}/"));
        assert_eq!(
            answer.text(),
            "200 12345 Some(ErrorCode::HttpProtocolError)",
            "{head}"
        );
    }
}

#[test]
fn the_first_byte_timeout_includes_the_time_to_connect() {
    let (address, _heads) = server("late", Duration::from_millis(1_000));
    let app = start("\"http://*:*\"");
    let begun = Instant::now();
    let answer = app.get(&format!("/read?600,600,,{address}/"));
    assert_eq!(answer.text(), "ErrorCode::ConnectionReadTimeout");
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(600), "{took:?}");
    let answer = app.get(&format!("/read?600,30000,,{address}/"));
    assert_eq!(answer.text(), "200 late whole");
}

#[test]
fn all_timeouts_of_a_caller_apply_to_an_in_process_call() {
    let app = start("\"http://hidden.spin.internal\"");
    let answer = app.get("/read?,,200,hidden.spin.internal/parts?1500");
    assert_eq!(
        answer.text(),
        "200 one Some(ErrorCode::ConnectionReadTimeout)"
    );
    let answer = app.get("/read?,200,,hidden.spin.internal/slow?1500");
    assert_eq!(answer.text(), "ErrorCode::ConnectionReadTimeout");
    let answer = app.get("/read?10000,10000,10000,hidden.spin.internal/parts?10");
    assert_eq!(answer.text(), "200 onetwo whole");
}

#[test]
fn a_url_with_a_password_is_rejected_and_not_sent() {
    let (address, heads) = server("outside", Duration::ZERO);
    let app = start("\"http://*:*\", \"http://hidden.spin.internal\"");
    for host in [address.to_string(), "hidden.spin.internal".to_owned()] {
        for user in ["me:secret@", "me@", "@"] {
            let answer = app.get(&format!("/get?http://{user}{host}/x"));
            assert!(
                answer.text().contains("user name or a password"),
                "{user}{host}: {}",
                answer.text()
            );
            assert!(!answer.text().contains("secret"), "{}", answer.text());
        }
    }
    assert!(heads.try_recv().is_err());
}
