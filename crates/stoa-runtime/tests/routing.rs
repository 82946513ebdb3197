//! Routing by path, and the headers that report the route to the component.
use http::{Method, Request};
use http_body_util::BodyExt;
use std::sync::Arc;
use stoa_runtime::Exposure;

use crate::support::{Running, Setup};

const MANIFEST: &str = r#"
[[trigger.http]]
route = "/exact"
component = "hello"
[[trigger.http]]
route = "/deep/..."
component = "hello"
[[trigger.http]]
route = "/by/:name/..."
component = "hello"
[[trigger.http]]
route = "/headers/..."
component = "hello"
[[trigger.http]]
route = { private = true }
component = "hidden"
[component.hello]
source = "{guest-hello}"
[component.hidden]
source = "{guest-hello}"
"#;

fn start() -> Running {
    Setup::new(MANIFEST).start()
}

#[test]
fn answers_exact_and_wildcard_routes() {
    let app = start();
    for path in ["/exact", "/deep", "/deep/", "/deep/x/y?q=1", "/by/me/x"] {
        let answer = app.get(path);
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (200, "hello"),
            "{path}"
        );
        assert_eq!(answer.headers["content-length"], "5", "{path}");
    }
}

#[test]
fn a_path_without_a_route_is_404_with_an_empty_body() {
    let app = start();
    for path in ["/", "/exactly", "/exact/x", "/deeper", "/hidden"] {
        let answer = app.get(path);
        assert_eq!((answer.status.as_u16(), answer.text()), (404, ""), "{path}");
    }
}

#[test]
fn only_an_in_process_call_reaches_a_private_component() {
    let app = start();
    let request = Request::get("/x")
        .body(stoa_runtime::body::empty())
        .unwrap();
    let answer = app.wait(app.app.call("hidden", request)).unwrap();
    assert_eq!(answer.status(), 200);
    let body = app.wait(answer.into_body().collect()).unwrap().to_bytes();
    assert_eq!(&body[..], b"hello");

    let request = Request::get("/x")
        .body(stoa_runtime::body::empty())
        .unwrap();
    let error = app.wait(app.app.call("missing", request)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the app has no component missing that answers requests"
    );
}

#[test]
fn headers_report_the_route_and_the_url_to_the_guest() {
    let app = start();
    let answer = app.get("/headers/?a=b");
    let headers: Vec<_> = answer
        .text()
        .lines()
        .filter(|l| l.starts_with("spin-"))
        .collect();
    let full_url = format!("spin-full-url: http://{}/headers/?a=b", app.address);
    let expected = [
        "spin-base-path: /",
        "spin-component-route: /headers",
        &full_url,
        "spin-matched-route: /headers/...",
        "spin-path-info: /",
        "spin-raw-component-route: /headers/...",
    ];
    let (address, headers): (Vec<_>, Vec<_>) = headers
        .into_iter()
        .partition(|l| l.starts_with("spin-client-addr: 127.0.0.1:"));
    assert_eq!(address.len(), 1);
    assert_eq!(headers, expected);
}

#[test]
fn headers_report_a_route_and_its_parameters_as_in_spin() {
    let app = Setup::new(
        r#"
[[trigger.http]]
route = "/headers/"
component = "hello"
[[trigger.http]]
route = "/headers-by/:First_name/x"
component = "hello"
[component.hello]
source = "{guest-hello}"
"#,
    )
    .start();
    let headers = app.get("/headers//");
    for line in [
        "spin-matched-route: /headers",
        "spin-raw-component-route: /headers/",
        "spin-component-route: /headers/",
        "spin-path-info: ",
    ] {
        assert!(
            headers.text().lines().any(|l| l == line),
            "{}",
            headers.text()
        );
    }
    let headers = app.get("/headers-by/me/x");
    let line = "spin-path-match-first-name: me";
    assert!(
        headers.text().lines().any(|l| l == line),
        "{}",
        headers.text()
    );
    assert_eq!(app.get("/headers-by//x").status, 200);
}

#[test]
fn a_filter_hides_routes_from_a_listener() {
    let mut setup = Setup::new(MANIFEST);
    setup.serve.filter = Some(Arc::new(|method, path| {
        match method == Method::GET && path != "/exact" {
            true => Exposure::Open,
            false => Exposure::Hidden,
        }
    }));
    let app = setup.start();
    assert_eq!(app.get("/exact").status, 404);
    assert_eq!(app.get("/deep").status, 200);
    assert_eq!(app.post("/deep", "x").status, 404);
}

#[test]
fn an_instance_serves_only_one_request() {
    let app = Setup::new("[[trigger.http]]\nroute = \"/...\"\ncomponent = \"hello\"\n[component.hello]\nsource = \"{guest-hello}\"\n").start();
    for _ in 0..20 {
        assert_eq!(app.get("/requests").text(), "1");
    }
}
