//! Tests of a filter that crashes.

use std::time::Duration;

use stoa_filter_host::{Options, Request, Response};

use crate::support::{forwarded, lines, vm, vm_with};

#[test]
fn after_a_crash_its_stream_and_all_later_streams_get_503() {
    let vm = vm("request-headers panic");
    let mut stream = vm.stream();
    let reply = stream.send(Request::get("/")).replied();
    assert_eq!((reply.status(), reply.text().as_str()), (503, ""));
    assert_eq!(reply.details, "wasm_fail_stream");
    let trap = vm.trap().unwrap();
    assert_eq!(trap.callback, "proxy_on_request_headers");
    assert!(trap.message.contains("unreachable"), "{}", trap.message);
    assert!(lines(&vm).iter().any(|line| line.contains("as scripted")));
    let reply = vm.stream().send(Request::get("/")).replied();
    assert_eq!(reply.status(), 503);
}

#[test]
fn after_a_crash_that_fails_open_later_streams_pass_unchanged() {
    let options = Options::new().fail_open();
    let vm = vm_with(options, "request-headers set x-a 1; request-body panic");
    let mut before = forwarded(&vm);
    let reply = vm.stream().send(Request::post("/", "body")).replied();
    assert_eq!(reply.status(), 503, "the stream that crashed the filter");
    let reply = before.answer(Response::ok("hello")).replied();
    assert_eq!(
        reply.status(),
        503,
        "a stream that was in the filter during the crash"
    );
    let mut stream = vm.stream();
    let seen = stream.send(Request::get("/")).forwarded();
    assert!(!seen.headers.contains("x-a"));
    assert_eq!(
        stream.answer(Response::ok("hello")).forwarded().text(),
        "hello"
    );
}

#[test]
fn a_crash_at_the_response_replaces_the_response_by_503() {
    let vm = vm("response-headers panic");
    let reply = forwarded(&vm).answer(Response::ok("hello")).replied();
    assert_eq!((reply.status(), reply.text().as_str()), (503, ""));
}

#[test]
fn a_paused_stream_hangs_after_a_crash_in_the_root_context() {
    let vm = vm("request-headers pause; every 10; root-tick panic");
    let mut stream = vm.stream();
    stream.send(Request::get("/"));
    vm.advance(Duration::from_millis(10));
    assert!(vm.trap().is_some());
    assert!(stream.request().is_paused());
}
