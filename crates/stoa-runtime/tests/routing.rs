//! Routing by path, and the headers that describe the route to the component.
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
route = "/told/..."
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
fn answers_404_with_an_empty_body_where_there_is_no_route() {
    let app = start();
    for path in ["/", "/exactly", "/exact/x", "/deeper", "/hidden"] {
        let answer = app.get(path);
        assert_eq!((answer.status.as_u16(), answer.text()), (404, ""), "{path}");
    }
}

#[test]
fn reaches_a_private_component_in_process_only() {
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
    let error = app.wait(app.app.call("nobody", request)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no component nobody that answers requests"
    );
}

#[test]
fn tells_the_guest_how_it_was_reached() {
    let app = start();
    let answer = app.get("/told/?a=b");
    let told: Vec<_> = answer
        .text()
        .lines()
        .filter(|l| l.starts_with("spin-"))
        .collect();
    let full_url = format!("spin-full-url: http://{}/told/?a=b", app.address);
    let expected = [
        "spin-base-path: /",
        "spin-component-route: /told",
        &full_url,
        "spin-matched-route: /told/...",
        "spin-path-info: /",
        "spin-raw-component-route: /told/...",
    ];
    let (address, told): (Vec<_>, Vec<_>) = told
        .into_iter()
        .partition(|l| l.starts_with("spin-client-addr: 127.0.0.1:"));
    assert_eq!(address.len(), 1);
    assert_eq!(told, expected);
}

#[test]
fn tells_a_route_and_its_parts_as_spin_does() {
    let app = Setup::new(
        r#"
[[trigger.http]]
route = "/told/"
component = "hello"
[[trigger.http]]
route = "/told-by/:First_name/x"
component = "hello"
[component.hello]
source = "{guest-hello}"
"#,
    )
    .start();
    let told = app.get("/told//");
    for line in [
        "spin-matched-route: /told",
        "spin-raw-component-route: /told/",
        "spin-component-route: /told/",
        "spin-path-info: ",
    ] {
        assert!(told.text().lines().any(|l| l == line), "{}", told.text());
    }
    let told = app.get("/told-by/me/x");
    let line = "spin-path-match-first-name: me";
    assert!(told.text().lines().any(|l| l == line), "{}", told.text());
    assert_eq!(app.get("/told-by//x").status, 200);
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
fn keeps_no_state_between_two_requests() {
    let app = Setup::new("[[trigger.http]]\nroute = \"/...\"\ncomponent = \"hello\"\n[component.hello]\nsource = \"{guest-hello}\"\n").start();
    for _ in 0..20 {
        assert_eq!(app.get("/seen").text(), "1");
    }
}
