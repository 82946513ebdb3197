//! HTTP calls.

use std::time::Duration;

use stoa_filter_host::{Options, Request, Response};

use crate::support::{lines, vm, vm_with};

const PROGRAM: &str =
    "request-headers call auth /check 100, pause; call set x-auth yes, resume-request";

#[test]
fn a_call_waits_for_its_answer_and_the_stream_for_the_call() {
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
fn a_call_that_takes_too_long_is_answered_by_504_at_its_time() {
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
        .expect("BadArgument, which the SDK does not expect");
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
    assert_eq!(lines(&vm), [""; 0], "nobody is there to hear it");
    assert_eq!(vm.trap(), None);
}

#[test]
fn a_cluster_that_does_not_exist_is_refused() {
    let vm = vm_with(Options::new().clusters(["other"]), PROGRAM);
    let mut stream = vm.stream();
    assert!(stream.send(Request::get("/")).is_paused());
    assert_eq!(lines(&vm), ["call auth /check 100: BadArgument"]);
    assert!(vm.calls().is_empty());
}

#[test]
fn a_call_to_a_cluster_without_endpoints_fails_at_once_and_no_callback_follows() {
    let vm = vm_with(Options::new().empty_clusters(["auth"]), PROGRAM);
    let mut stream = vm.stream();
    assert!(stream.send(Request::get("/")).is_paused());
    assert!(vm.calls().is_empty());
    vm.advance(Duration::from_secs(1));
    assert_eq!(lines(&vm), ["call auth /check 100: InternalFailure"]);
    assert!(stream.request().is_paused());
}

#[test]
#[should_panic(expected = "no HTTP call with the token 7 awaits an answer")]
fn an_answer_to_nothing_fails_the_test() {
    vm("").answer_call(7, Response::ok(""));
}
