//! Tests of pausing, buffering and resuming.

use std::time::Duration;

use stoa_filter_host::{Options, Request, Response, Verdict};

use crate::support::{forwarded, lines, vm, vm_with};

const TICK: Duration = Duration::from_millis(10);

#[test]
fn after_a_pause_at_the_headers_the_body_waits_outside_the_filter() {
    let vm = vm("trace; every 10; request-headers pause; tick set x-late 1, resume-request");
    let mut stream = vm.stream();
    assert!(stream.send(Request::post("/", "body")).is_paused());
    assert_eq!(lines(&vm), ["request headers 5 false"]);
    assert_eq!(stream.upstream(), None);
    vm.advance(TICK - Duration::from_nanos(1));
    assert!(stream.request().is_paused());
    vm.advance(Duration::from_nanos(1));
    let seen = stream.request().forwarded();
    assert_eq!(seen.headers.get("x-late"), Some("1"));
    assert_eq!(seen.text(), "body");
    assert_eq!(lines(&vm), ["tick", "request body 4 true"]);
}

#[test]
fn with_headers_stop_iteration_the_filter_reads_the_body_before_the_headers_are_sent() {
    let options = Options::new().allow_on_headers_stop_iteration();
    let vm = vm_with(
        options,
        "request-headers pause; request-body show-body, set x-late 1",
    );
    let mut stream = vm.stream();
    let Request { headers, .. } = Request::post("/", "body");
    assert!(stream.request_headers(headers, false).is_paused());
    assert_eq!(stream.upstream(), None);
    let seen = stream.request_body(b"body", true).forwarded();
    assert_eq!(lines(&vm), ["body=body"]);
    assert_eq!(seen.headers.get("x-late"), Some("1"));
    assert_eq!(seen.text(), "body");
}

#[test]
fn after_a_pause_at_the_body_the_filter_gets_the_whole_buffer_at_each_call() {
    let vm = vm("trace; until-end; request-headers remove content-length; \
         request-body show-body, pause; request-end log end");
    let mut stream = vm.stream();
    let Request { headers, .. } = Request::post("/", "abcdef");
    stream.request_headers(headers, false);
    assert!(stream.request_body(b"ab", false).is_paused());
    assert!(stream.request_body(b"cd", false).is_paused());
    let headers = stream.upstream().expect("the headers are sent at once");
    assert_eq!(headers.text(), "");
    assert_eq!(
        stream.request_body(b"ef", true).forwarded().text(),
        "abcdef"
    );
    let expected = [
        "request headers 5 false",
        "request body 2 false",
        "body=ab",
        "request body 4 false",
        "body=abcd",
        "end",
        "request body 6 true",
        "body=abcdef",
    ];
    assert_eq!(lines(&vm), expected);
}

#[test]
fn a_body_is_replaced_prepended_to_and_appended_to() {
    let vm = vm(
        "until-end; request-headers remove content-length; request-body pause; \
         request-end append >, prepend <; response-headers remove content-length; \
         response-body pause; response-end body new",
    );
    let mut stream = vm.stream();
    assert_eq!(
        stream.send(Request::post("/", "body")).forwarded().text(),
        "<body>"
    );
    assert_eq!(stream.answer(Response::ok("old")).forwarded().text(), "new");
}

#[test]
#[should_panic(expected = "changed the body of a response to 3 bytes, but content-length is 9")]
fn a_changed_body_with_an_unchanged_content_length_fails_the_test() {
    let vm = vm("until-end; response-body pause; response-end body new");
    forwarded(&vm).answer(Response::ok("old value"));
}

#[test]
fn the_middle_of_a_body_cannot_be_replaced() {
    let vm = vm("request-body insert x");
    let reply = vm.stream().send(Request::post("/", "body")).replied();
    assert_eq!(reply.status(), 503);
    assert!(
        lines(&vm)
            .iter()
            .any(|line| line.contains("unexpected status: 2"))
    );
}

#[test]
fn a_filter_can_read_a_body_only_in_the_body_callback() {
    let vm = vm("request-headers show-body; request-body show-body; response-headers show-body");
    let mut stream = vm.stream();
    stream.send(Request::post("/", "body")).forwarded();
    stream.answer(Response::ok("hello")).forwarded();
    let expected = ["body=", "body=body", "body=", "body="];
    assert_eq!(lines(&vm), expected, "an empty piece ends a body");
}

#[test]
fn a_response_is_paused_and_resumed_like_a_request() {
    let vm = vm("every 10; response-headers pause; tick resume-response");
    let mut stream = forwarded(&vm);
    assert!(stream.answer(Response::ok("hello")).is_paused());
    assert_eq!(stream.caller(), None);
    vm.advance(TICK);
    assert_eq!(stream.response().forwarded().text(), "hello");
}

#[test]
fn trailers_reach_a_filter_that_paused_at_the_body_and_resume_the_request() {
    let vm = vm("request-body pause; request-trailers show-body, log resumed");
    let mut stream = vm.stream();
    let seen = stream
        .send(Request::post("/", "body").trailer("x-end", "1"))
        .forwarded();
    assert_eq!(seen.text(), "body");
    assert_eq!(seen.trailers.get("x-end"), Some("1"));
    assert_eq!(lines(&vm), ["body=body", "resumed"]);
}

#[test]
fn a_body_above_the_limit_gets_413() {
    let vm = vm_with(Options::new().buffer_limit(8), "request-body pause");
    let mut stream = vm.stream();
    let Request { headers, .. } = Request::new("POST", "/");
    stream.request_headers(headers, false);
    assert!(stream.request_body(b"12345678", false).is_paused());
    let reply = stream.request_body(b"9", false).replied();
    assert_eq!(
        (reply.status(), reply.text().as_str()),
        (413, "Payload Too Large")
    );
}

#[test]
fn the_upstream_can_respond_before_the_end_of_the_request() {
    let vm = vm("");
    let mut stream = vm.stream();
    stream.request_headers(Request::new("POST", "/").headers, false);
    assert_eq!(stream.answer(Response::new(400)).forwarded().status(), 400);
    assert_eq!(
        stream.request_body(b"late", true),
        Verdict::Flowing,
        "the rest of the request is ignored"
    );
}

#[test]
#[should_panic(expected = "resumed a request that was not paused")]
fn resuming_a_request_that_is_not_paused_fails_the_test() {
    let vm = vm("every 10; later resume-request");
    let _stream = forwarded(&vm);
    vm.advance(TICK);
}

#[test]
#[should_panic(expected = "resumed a request in the callback that handles it")]
fn resuming_a_request_in_its_own_callback_fails_the_test() {
    vm("request-headers resume-request")
        .stream()
        .send(Request::get("/"));
}

#[test]
#[should_panic(expected = "resumed a response that was not paused")]
fn resuming_a_response_from_a_request_fails_the_test() {
    vm("request-headers resume-response")
        .stream()
        .send(Request::get("/"));
}

#[test]
#[should_panic(expected = "paused a request and did not resume it")]
fn a_hanging_stream_fails_the_test_with_forbid_hanging() {
    let vm = vm_with(Options::new().forbid_hanging(), "request-headers pause");
    let mut stream = vm.stream();
    stream.send(Request::get("/"));
    stream.finish();
}

#[test]
fn a_misuse_is_only_recorded_with_tolerate_misuse() {
    let vm = vm_with(
        Options::new().tolerate_misuse(),
        "request-headers resume-request",
    );
    let mut stream = vm.stream();
    stream.send(Request::get("/")).forwarded();
    let misuses = vm.take_misuses();
    assert_eq!(misuses.len(), 1);
    assert!(vm.take_misuses().is_empty());
}
