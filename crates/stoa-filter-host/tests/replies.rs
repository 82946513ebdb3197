//! Tests of local replies.

use std::time::Duration;

use stoa_filter_host::{Options, Request, Response, Verdict};

use crate::support::{forwarded, lines, vm, vm_with};

#[test]
fn a_reply_to_the_headers_passes_through_the_filters_response_callbacks() {
    let vm = vm("trace; request-headers reply 418 teapot; response-headers set x-seen yes");
    let mut stream = vm.stream();
    let reply = stream.send(Request::post("/", "body")).replied();
    assert_eq!((reply.status(), reply.text().as_str()), (418, "teapot"));
    assert_eq!(reply.header("x-reply"), Some("yes"));
    assert_eq!(reply.header("x-seen"), Some("yes"));
    assert_eq!(reply.header("content-type"), Some("text/plain"));
    assert_eq!(reply.header("content-length"), Some("6"));
    assert_eq!(stream.upstream(), None);
    let expected = [
        "request headers 5 false",
        "response headers 4 false",
        "response body 6 true",
        "log",
        "done",
    ];
    assert_eq!(lines(&vm), expected);
    assert_eq!(vm.streams(), 0);
}

#[test]
fn a_reply_takes_effect_for_any_result_of_the_callback() {
    for program in [
        "request-headers reply 403",
        "request-headers reply 403, pause",
    ] {
        let reply = vm(program).stream().send(Request::get("/")).replied();
        assert_eq!(reply.status(), 403);
        assert!(!reply.response.headers.contains("content-length"));
    }
}

#[test]
fn a_reply_to_the_body_comes_after_the_headers_were_sent() {
    let vm = vm("request-body reply 413");
    let mut stream = vm.stream();
    let reply = stream.send(Request::post("/", "body")).replied();
    assert_eq!(reply.status(), 413);
    assert_eq!(
        stream.upstream().map(|seen| seen.text()).as_deref(),
        Some("")
    );
}

#[test]
fn a_reply_to_the_trailers_is_sent() {
    let vm = vm("request-trailers reply 400");
    let request = Request::post("/", "body").trailer("x-end", "1");
    assert_eq!(vm.stream().send(request).replied().status(), 400);
}

#[test]
fn a_reply_to_the_response_replaces_it_and_bypasses_the_filter() {
    let vm = vm("trace; response-headers reply 503 lost");
    let mut stream = forwarded(&vm);
    let reply = stream.answer(Response::ok("charged")).replied();
    assert_eq!((reply.status(), reply.text().as_str()), (503, "lost"));
    assert!(stream.request().is_forwarded());
    let expected = [
        "request headers 4 true",
        "response headers 2 false",
        "log",
        "done",
    ];
    assert_eq!(lines(&vm), expected);
}

#[test]
fn a_tick_can_reply_to_a_paused_request_or_response() {
    let every = "every 10; tick reply 504 late;";
    let vm = vm(&format!(
        "{every} request-headers pause; response-headers set x-seen yes"
    ));
    let mut stream = vm.stream();
    assert!(stream.send(Request::get("/")).is_paused());
    vm.advance(Duration::from_millis(10));
    let reply = stream.request().replied();
    assert_eq!((reply.status(), reply.header("x-seen")), (504, Some("yes")));

    let vm = crate::support::vm(&format!("{every} response-headers pause"));
    let mut stream = forwarded(&vm);
    assert!(stream.answer(Response::ok("hello")).is_paused());
    vm.advance(Duration::from_millis(10));
    assert_eq!(stream.response().replied().text(), "late");
}

#[test]
fn the_reply_to_a_head_request_has_no_body() {
    let vm = vm("request-headers reply 418 teapot");
    let reply = vm.stream().send(Request::new("HEAD", "/")).replied();
    assert_eq!(reply.text(), "");
    assert_eq!(reply.header("content-length"), Some("6"));
}

#[test]
fn the_reply_to_a_grpc_request_has_a_grpc_status() {
    let grpc = Request::new("POST", "/a.B/C").header("content-type", "application/grpc");
    let reply = vm("request-headers reply 403 no=entry")
        .stream()
        .send(grpc.clone())
        .replied();
    assert_eq!((reply.status(), reply.text().as_str()), (200, ""));
    assert_eq!(reply.header("grpc-status"), Some("7"));
    assert_eq!(reply.header("grpc-message"), Some("no=entry"));
    let reply = vm("request-headers reply-grpc unavailable")
        .stream()
        .send(grpc)
        .replied();
    assert_eq!(reply.header("grpc-status"), Some("14"));
    assert_eq!(reply.grpc_status, Some(14));
}

#[test]
fn a_response_without_a_status_becomes_502() {
    let vm = vm("response-headers remove :status");
    let reply = forwarded(&vm).answer(Response::ok("")).replied();
    assert_eq!(reply.status(), 502);
}

#[test]
fn a_filter_resets_a_stream() {
    let vm = vm("request-headers reset, pause");
    assert_eq!(vm.stream().send(Request::get("/")), Verdict::Reset);
    assert_eq!(vm.streams(), 0);
}

#[test]
#[should_panic(expected = "replied twice")]
fn replying_twice_in_one_callback_fails_the_test() {
    vm("request-headers reply 403, reply 404")
        .stream()
        .send(Request::get("/"));
}

#[test]
#[should_panic(expected = "replied twice")]
fn replying_to_the_filters_own_reply_fails_the_test() {
    let vm = vm("request-headers reply 403; response-headers reply 404");
    vm.stream().send(Request::get("/"));
}

#[test]
#[should_panic(expected = "after the response's headers were sent")]
fn replying_to_the_body_of_a_response_fails_the_test() {
    let vm = vm("response-body reply 500");
    forwarded(&vm).answer(Response::ok("hello"));
}

#[test]
#[should_panic(expected = "send_local_response in a context that is not a stream")]
fn replying_from_a_root_context_fails_the_test() {
    let vm = vm("every 10; root-tick reply 500");
    vm.advance(Duration::from_millis(10));
}

#[test]
#[should_panic(expected = "resumed a request to which it had already replied")]
fn resuming_a_request_after_a_reply_fails_the_test() {
    let vm = vm("request-headers pause; every 10; tick reply 500, resume-request");
    let mut stream = vm.stream();
    stream.send(Request::get("/"));
    vm.advance(Duration::from_millis(10));
}

#[test]
fn of_two_replies_the_first_is_sent() {
    let options = Options::new().tolerate_misuse();
    let vm = vm_with(options, "request-headers reply 403, reply 404");
    assert_eq!(vm.stream().send(Request::get("/")).replied().status(), 403);
}
