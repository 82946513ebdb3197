//! Requests from clients: their host, body and protocol.
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};

use stoa_runtime::Exposure;

use crate::connection::Connection;
use crate::support::{Running, Setup, until};

const MANIFEST: &str = r#"
[[trigger.http]]
route = "/..."
component = "http"
[component.http]
source = "{guest-http}"
key_value_stores = ["default"]
[[trigger.http]]
route = "/headers/..."
component = "hello"
[component.hello]
source = "{guest-hello}"
"#;

fn start() -> Running {
    Setup::new(MANIFEST).start()
}

#[test]
fn a_guest_gets_the_first_piece_of_a_body_at_once() {
    let app = start();
    for request in [
        "POST /pieces HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST /pieces HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n",
    ] {
        let mut connection = Connection::open(&app);
        connection.send(request);
        for piece in ["one", "two"] {
            connection.send(&format!("3\r\n{piece}\r\n"));
            connection.read_until(&format!("[{piece}]"));
        }
        connection.send("0\r\n\r\n");
        connection.read_until("\r\n0\r\n\r\n");
    }
}

#[test]
fn a_guest_that_never_reads_its_body_answers_without_it() {
    let app = start();
    let mut connection = Connection::open(&app);
    connection.send(
        "POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n",
    );
    let text = connection.read_to_end();
    assert!(text.starts_with("HTTP/1.1 401 "), "{text}");
    assert!(text.contains("connection: close\r\n"), "{text}");
}

#[test]
fn a_response_that_leaves_a_body_unread_has_connection_close() {
    let mut setup = Setup::new(MANIFEST);
    setup.serve.filter = Some(Arc::new(|_, path| match path {
        "/hidden" => Exposure::Hidden,
        "/get-only" => Exposure::OnlyMethods(vec![Method::GET, Method::HEAD]),
        _ => Exposure::Open,
    }));
    let app = setup.start();
    let length = 1_000_000;
    for (path, status) in [
        ("/refuse", 401),
        ("/here", 200),
        ("/hidden", 404),
        ("/get-only", 405),
        ("/nothing", 500),
    ] {
        let mut connection = Connection::open(&app);
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        connection.send(&format!("{head}{}", "x".repeat(1_000)));
        let text = connection.read_to_end();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.contains("connection: close\r\n"), "{text}");
        assert_eq!(
            text.contains("allow: GET, HEAD\r\n"),
            status == 405,
            "{text}"
        );
    }
    // A body that has arrived completely does not end the connection, even if the guest does not read the body.
    for path in ["/refuse", "/here", "/hidden", "/echo?", "/nothing"] {
        for (framing, body) in [
            ("content-length: 2000", "x".repeat(2_000)),
            (
                "transfer-encoding: chunked",
                "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n".to_owned(),
            ),
        ] {
            let mut connection = Connection::open(&app);
            connection.send(&format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n{body}"
            ));
            connection.read_until("\r\n\r\n");
            connection.get("/status?204");
            connection.read_until("HTTP/1.1 204 ");
            let text = connection.text();
            assert!(
                !text.contains("connection: close"),
                "{path} {framing}: {text}"
            );
        }
    }
}

#[test]
fn slow_bodies_hold_at_most_half_of_all_instances() {
    let mut setup = Setup::new(MANIFEST);
    setup.limits.max_instances = 4;
    setup.limits.request_timeout = Duration::from_secs(2);
    let app = setup.start();
    let mut slow: Vec<_> = (0..10)
        .map(|_| {
            let mut connection = Connection::open(&app);
            connection.send("POST /count HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf");
            connection
        })
        .collect();
    until("two guests wait for their bodies", || {
        app.runtime.running_requests() == 2
    });
    for _ in 0..10 {
        assert_eq!(app.get("/here").text(), "here");
        assert_eq!(app.post("/echo?", "body").text(), "post=true  body");
    }
    until("only the two slow requests run", || {
        app.runtime.running_requests() == 2
    });
    for connection in &mut slow {
        let text = connection.read_to_end();
        assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
        assert!(text.contains("connection: close\r\n"), "{text}");
        assert!(text.contains("\"incomplete_body\""), "{text}");
    }
    until("no request runs", || app.runtime.running_requests() == 0);
    let mut whole = Connection::open(&app);
    whole.send("POST /count HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf");
    until("the guest runs", || app.runtime.running_requests() == 1);
    whole.send("otherx");
    whole.read_until("10 whole");
}

#[test]
fn a_request_that_does_not_name_one_host_is_400() {
    let app = start();
    let head = |target: &str, hosts: &[&str]| {
        let hosts: String = hosts
            .iter()
            .map(|host| format!("host: {host}\r\n"))
            .collect();
        format!("GET {target} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n")
    };
    let cases: [(&str, &[&str]); 8] = [
        ("/headers/", &[]),
        ("/headers/", &[""]),
        ("/headers/", &["a b"]),
        ("/headers/", &["me:secret@shop"]),
        ("/headers/", &["shop", "shop"]),
        ("http://other/headers/", &["shop"]),
        ("http://shop:81/headers/", &["shop"]),
        ("http://me@shop/headers/", &["shop"]),
    ];
    for (target, hosts) in cases {
        let mut connection = Connection::open(&app);
        connection.send(&head(target, hosts));
        let text = connection.read_to_end();
        assert!(
            text.starts_with("HTTP/1.1 400 "),
            "{target} {hosts:?}: {text}"
        );
        assert!(
            text.contains("\"bad_request\""),
            "{target} {hosts:?}: {text}"
        );
    }
    for (target, host) in [
        ("/headers/", "shop"),
        ("http://shop/headers/", "shop"),
        ("http://Shop:8/headers/", "shop:8"),
    ] {
        let mut connection = Connection::open(&app);
        connection.send(&head(target, &[host]));
        let text = connection.read_to_end();
        assert!(text.starts_with("HTTP/1.1 200 "), "{target} {host}: {text}");
        let full_url = format!("spin-full-url: http://{host}/headers/");
        assert!(text.contains(&full_url), "{target} {host}: {text}");
    }
}

#[test]
fn the_runtime_answers_the_well_known_paths_of_spin() {
    let mut setup = Setup::new(&MANIFEST.replacen('\n', "version = \"1.2.3\"\n", 1));
    // The listener's exposure function hides all paths except `/here`, as the shop's listener hides paths that are not in the API
    // document.
    setup.serve.filter = Some(Arc::new(|_, path| match path {
        "/here" => Exposure::Open,
        _ => Exposure::Hidden,
    }));
    let app = setup.start();
    let health = app.get("/.well-known/spin/health");
    assert_eq!((health.status, health.text()), (StatusCode::OK, "OK"));
    let info = app.get("/.well-known/spin/info");
    assert_eq!(
        (info.status, &info.headers["content-type"]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    let info: serde_json::Value = serde_json::from_slice(&info.body).unwrap();
    assert_eq!(
        info,
        serde_json::json!({ "name": "test", "version": "1.2.3" })
    );
    let other = app.get("/.well-known/spin/other");
    assert_eq!((other.status, other.text()), (StatusCode::NOT_FOUND, ""));
    assert_eq!(app.get("/.well-known/spin").status, 404);
}

/// Sends requests over one HTTP/2 connection without TLS. For each response, returns the status, the headers, the body, and
/// whether the body ended early.
async fn over_http2(
    app: std::net::SocketAddr,
    requests: Vec<Request<Full<Bytes>>>,
) -> Vec<(StatusCode, http::HeaderMap, Bytes, bool)> {
    let stream = tokio::net::TcpStream::connect(app).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let mut responses = Vec::new();
    for request in requests {
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let (head, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes);
        let broken = body.is_err();
        responses.push((head.status, head.headers, body.unwrap_or_default(), broken));
    }
    responses
}

#[test]
fn a_client_may_begin_with_http2() {
    let app = start();
    let request = |method: Method, path: &str, body: &'static str| {
        let uri = format!("http://{}{path}", app.address);
        let body = Full::new(Bytes::from_static(body.as_bytes()));
        Request::builder()
            .method(method)
            .uri(uri)
            .body(body)
            .unwrap()
    };
    let requests = vec![
        request(Method::GET, "/here", ""),
        request(Method::POST, "/echo?q", "body"),
        request(Method::GET, "/headers/", ""),
        request(Method::HEAD, "/end?finish,begun,5", ""),
        request(Method::HEAD, "/end?trap,silent", ""),
        request(Method::POST, "/refuse", "not read"),
        request(Method::GET, "/end?trap,silent", ""),
        request(Method::GET, "/end?finish,begun,10", ""),
        request(Method::GET, "/here", ""),
    ];
    let responses = app.wait(over_http2(app.address, requests));
    let statuses: Vec<_> = responses
        .iter()
        .map(|(status, ..)| status.as_u16())
        .collect();
    assert_eq!(statuses, [200, 200, 200, 200, 500, 401, 500, 500, 200]);
    assert_eq!(responses[0].2, "here");
    assert_eq!(responses[1].2, "post=true q body");
    let full_url = format!("spin-full-url: http://{}/headers/", app.address);
    assert!(
        String::from_utf8_lossy(&responses[2].2).contains(&full_url),
        "{responses:?}"
    );
    assert_eq!(
        (&responses[3].1["content-length"], responses[3].2.len()),
        (&"5".parse().unwrap(), 0)
    );
    assert_eq!(responses[4].2.len(), 0);
    assert_eq!(responses[8].2, "here");
}

#[test]
fn a_response_that_breaks_off_resets_its_stream_in_http2() {
    let mut setup = Setup::new(MANIFEST);
    setup.limits.request_timeout = Duration::from_secs(2);
    let app = setup.start();
    for path in ["/end?sleep,begun", "/end?sleep,begun,10"] {
        let request = Request::get(format!("http://{}{path}", app.address));
        let request = request.body(Full::new(Bytes::new())).unwrap();
        let responses = app.wait(over_http2(app.address, vec![request]));
        assert!(responses[0].3, "{path}: {responses:?}");
    }
}

#[test]
fn a_stop_lets_running_requests_of_http2_finish() {
    let mut app = start();
    let request = Request::get(format!("http://{}/slow?300", app.address));
    let request = request.body(Full::new(Bytes::new())).unwrap();
    let running = app.spawn(over_http2(app.address, vec![request]));
    until("the request runs", || app.runtime.running_requests() == 1);
    let begun = Instant::now();
    let stopped = app.stop();
    let responses = app.wait(running).unwrap();
    assert_eq!(
        (responses[0].0, &responses[0].2[..]),
        (StatusCode::OK, &b"done"[..])
    );
    app.wait(stopped).unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_connection_with_an_incomplete_preface_is_closed_after_the_head_timeout() {
    let mut setup = Setup::new(MANIFEST);
    setup.limits.head_timeout = Duration::from_millis(300);
    let app = setup.start();
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM", "POST"] {
        let mut connection = Connection::open(&app);
        connection.send(beginning);
        assert_eq!(connection.read_to_end(), "", "{beginning}");
    }
    // A request that arrives in pieces, but completely, gets a response.
    let mut connection = Connection::open(&app);
    connection.send("P");
    connection.send("OST /echo? HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab");
    connection.read_until("post=true  ab");
}
