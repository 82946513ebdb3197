//! Tests of HTTP calls that a filter makes.

use std::time::Duration;

use stoa_filter_host::{Options, Request, Response};

use crate::support::{lines, vm, vm_with};

const PROGRAM: &str =
    "request-headers call auth /check 100, pause; call set x-auth yes, resume-request";

#[test]
fn a_call_waits_for_its_response_and_the_stream_waits_for_the_call() {
    let vm = vm(PROGRAM);
    let mut stream = vm.stream();
    assert!(stream.send(Request::get("/")).is_paused());
    let [call] = &vm.calls()[..] else {
        panic!("one call")
    };
    assert_eq!(call.cluster, "auth");
    assert_eq!(call.request.headers.get(":path"), Some("/check"));
    assert_eq!(call.timeout, Some(Duration::from_millis(100)));
    vm.answer_call(call.token, Response::ok("fine"));
    assert_eq!(lines(&vm), ["call: 2 200 fine"]);
    let seen = stream.request().forwarded();
    assert_eq!(seen.headers.get("x-auth"), Some("yes"));
    assert!(vm.calls().is_empty());
}

#[test]
fn a_call_gets_504_at_its_timeout() {
    let vm = vm(PROGRAM);
    let mut stream = vm.stream();
    stream.send(Request::get("/"));
    vm.advance(Duration::from_millis(99));
    assert!(stream.request().is_paused());
    vm.advance(Duration::from_millis(1));
    assert!(stream.request().is_forwarded());
    assert_eq!(lines(&vm), ["call: 3 504 upstream request timeout"]);
}

#[test]
fn a_broken_call_has_no_headers() {
    let vm = vm(PROGRAM);
    let mut stream = vm.stream();
    stream.send(Request::get("/"));
    let token = vm.calls()[0].token;
    vm.break_call(token);
    assert!(stream.request().is_forwarded());
    assert_eq!(lines(&vm), ["call: 0 none "]);
}

#[test]
fn reading_the_headers_of_a_broken_call_crashes_a_filter_of_the_rust_sdk() {
    let vm = vm(&format!("{PROGRAM}; broken-call log x"));
    let mut stream = vm.stream();
    stream.send(Request::get("/"));
    vm.break_call(vm.calls()[0].token);
    let trap = vm
        .trap()
        .expect("the SDK panics because the host returns BadArgument");
    assert_eq!(trap.callback, "proxy_on_http_call_response");
    assert!(stream.request().is_paused());
}

#[test]
fn a_call_outlives_its_stream() {
    let vm = vm(PROGRAM);
    let mut stream = vm.stream();
    stream.send(Request::get("/"));
    stream.finish();
    let token = vm.calls()[0].token;
    vm.answer_call(token, Response::ok("late"));
    assert_eq!(
        lines(&vm),
        [""; 0],
        "the stream that made the call has ended"
    );
    assert_eq!(vm.trap(), None);
}

#[test]
fn a_call_to_an_unknown_cluster_is_rejected() {
    let vm = vm_with(Options::new().clusters(["other"]), PROGRAM);
    let mut stream = vm.stream();
    assert!(stream.send(Request::get("/")).is_paused());
    assert_eq!(lines(&vm), ["call auth /check 100: BadArgument"]);
    assert!(vm.calls().is_empty());
}

#[test]
fn a_call_to_a_cluster_without_endpoints_fails_at_once_without_a_callback() {
    let vm = vm_with(Options::new().empty_clusters(["auth"]), PROGRAM);
    let mut stream = vm.stream();
    assert!(stream.send(Request::get("/")).is_paused());
    assert!(vm.calls().is_empty());
    vm.advance(Duration::from_secs(1));
    assert_eq!(lines(&vm), ["call auth /check 100: InternalFailure"]);
    assert!(stream.request().is_paused());
}

#[test]
#[should_panic(expected = "no HTTP call with the token 7 waits for a response")]
fn a_response_to_an_unknown_call_fails_the_test() {
    vm("").answer_call(7, Response::ok(""));
}
