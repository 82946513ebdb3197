//! Tests of headers, trailers, properties and the route cache.

use stoa_filter_host::{Options, Request, Response, Value, Verdict};

use crate::support::{forwarded, lines, vm, vm_with};

#[test]
fn a_filter_that_does_nothing_changes_nothing() {
    let vm = vm("");
    let request = Request::post("/cart", "body")
        .header("x-a", "1")
        .trailer("x-end", "2");
    let mut stream = vm.stream();
    assert_eq!(stream.send(request.clone()).forwarded(), request);
    let response = Response::ok("hello")
        .header("x-b", "1")
        .trailer("x-end", "2");
    assert_eq!(stream.answer(response.clone()).forwarded(), response);
    assert_eq!(stream.route_cache_clears(), 0);
    assert_eq!(vm.streams(), 0, "the context ends with the response");
}

#[test]
fn the_other_side_receives_the_changed_headers() {
    let vm = vm(
        "request-headers set :path /new, add X-Two b, remove x-gone, set host other; \
         response-headers set :status 299, remove server",
    );
    let mut stream = vm.stream();
    let request = Request::get("/old")
        .header("x-two", "a")
        .header("x-gone", "1");
    let seen = stream.send(request).forwarded();
    assert_eq!(seen.headers.get(":path"), Some("/new"));
    assert_eq!(seen.headers.get(":authority"), Some("other"));
    assert!(!seen.headers.contains("x-gone"));
    assert!(seen.headers.all("x-two").eq([b"a", b"b"]));
    assert_eq!(stream.route_cache_clears(), 4);
    let seen = stream
        .answer(Response::ok("").header("server", "x"))
        .forwarded();
    assert_eq!(seen.status(), 299);
    assert!(!seen.headers.contains("server"));
    assert_eq!(
        stream.route_cache_clears(),
        4,
        "a changed response header does not affect the route"
    );
}

#[test]
fn a_value_added_to_a_single_header_is_joined() {
    let vm = vm("request-headers add user-agent b, add host c");
    let request = Request::get("/").header("user-agent", "a");
    let seen = vm.stream().send(request).forwarded();
    assert_eq!(seen.headers.get("user-agent"), Some("a,b"));
    assert_eq!(seen.headers.get(":authority"), Some("shop.test,c"));
}

#[test]
fn a_map_is_read_and_replaced_as_a_whole() {
    let vm = vm("request-headers map, get X-Mine, get x-none; response-headers only :status 201");
    let mut stream = vm.stream();
    stream
        .send(Request::get("/p").header("X-Mine", "1"))
        .forwarded();
    let map = ":authority=shop.test :path=/p :method=GET :scheme=http x-mine=1";
    assert_eq!(lines(&vm), [map, "X-Mine=1", "x-none=none"]);
    let seen = stream
        .answer(Response::ok("").header("x-a", "1"))
        .forwarded();
    assert_eq!(seen.headers.len(), 1);
    assert_eq!(seen.status(), 201);
}

#[test]
fn reading_request_headers_after_they_were_sent_crashes_a_filter_of_the_rust_sdk() {
    let vm = vm("every 10");
    let mut stream = vm.stream();
    stream
        .send(Request::get("/").header("x-do", "later get x-a"))
        .forwarded();
    vm.advance(std::time::Duration::from_millis(10));
    let trap = vm
        .trap()
        .expect("the SDK panics because the host returns BadArgument");
    assert_eq!(trap.callback, "proxy_on_tick");
    assert!(
        lines(&vm)
            .iter()
            .any(|line| line.contains("unexpected status: 2"))
    );
}

#[test]
fn a_filter_changes_and_creates_trailers() {
    let vm = vm("request-trailers add x-more 2; response-end set x-made 1");
    let mut stream = vm.stream();
    let request = Request::post("/", "body").trailer("x-end", "1");
    let seen = stream.send(request).forwarded();
    assert_eq!(seen.trailers.get("x-more"), Some("2"));
    let seen = stream.answer(Response::ok("body")).forwarded();
    assert_eq!(seen.trailers.get("x-made"), Some("1"));
    assert_eq!(seen.text(), "body");
}

#[test]
fn properties_have_the_same_encoding_as_in_envoy() {
    let options = Options::new().property("xds.node.id", "sidecar~1");
    let vm = vm_with(
        options,
        "request-headers property connection uri_san_peer_certificate, property-bytes source port, \
         property-bytes connection mtls, property xds node id, property node id, property metadata filter_metadata a.b sub, \
         property nothing, property request method, property request headers x-a; \
         response-headers property-bytes response code, property request method; \
         log property request method, property response code_details",
    );
    let mut stream = vm.stream();
    stream.set_property("connection.uri_san_peer_certificate", "spiffe://a/ns/b");
    stream.set_property("source.port", 80_i64);
    stream.set_property("connection.mtls", true);
    let claims = Value::map([("sub", "user-1")]);
    stream.set_property(["metadata", "filter_metadata", "a.b"], claims);
    stream
        .send(Request::get("/").header("x-a", "1"))
        .forwarded();
    let expected = [
        "connection.uri_san_peer_certificate=spiffe://a/ns/b",
        "source.port=Some([80, 0, 0, 0, 0, 0, 0, 0])",
        "connection.mtls=Some([1])",
        "xds.node.id=sidecar~1",
        "node.id=none",
        "metadata.filter_metadata.a.b.sub=user-1",
        "nothing=none",
        "request.method=GET",
        "request.headers.x-a=1",
    ];
    assert_eq!(lines(&vm), expected);
    stream.answer(Response::new(204)).forwarded();
    let expected = [
        "response.code=Some([204, 0, 0, 0, 0, 0, 0, 0])",
        "request.method=none",
        "request.method=GET",
        "response.code_details=via_upstream",
    ];
    assert_eq!(lines(&vm), expected);
}

#[test]
#[should_panic(expected = "no filter can read the property node; Envoy has only xds.node")]
fn setting_a_property_that_envoy_does_not_have_fails_the_test() {
    let _options = Options::new().property("node.id", "sidecar~1");
}

#[test]
fn size_properties_count_the_bytes_so_far() {
    let sizes = "property-bytes request size, property-bytes request total_size, \
        property-bytes response size, property-bytes response total_size";
    let vm = vm(&format!(
        "request-headers {sizes}; response-trailers {sizes}, property-bytes response grpc_status; \
         log {sizes}, property-bytes request duration"
    ));
    let mut stream = vm.stream();
    let headers = Request::new("POST", "/p").headers;
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    stream.request_headers(headers, false);
    stream.request_body(b"abc", false);
    stream.request_body(b"de", true);
    let response = Response::new(200).trailer("grpc-status", "5");
    vm.advance(std::time::Duration::from_millis(2));
    stream.response_headers(response.headers, false);
    stream.response_body(b"seven..", false);
    stream.response_trailers(response.trailers);
    let reported = lines(&vm);
    let expected =
        |name: &str, value: usize| format!("{name}=Some({:?})", (value as u64).to_le_bytes());
    let all = |values: [usize; 4]| {
        let names = [
            "request.size",
            "request.total_size",
            "response.size",
            "response.total_size",
        ];
        names
            .iter()
            .zip(values)
            .map(|(name, value)| expected(name, value))
            .collect::<Vec<_>>()
    };
    // The headers of the response take 10 bytes, and the trailers of the response take 12 bytes.
    assert_eq!(reported[..4], all([0, size, 0, 0]));
    assert_eq!(reported[4..8], all([5, 5, 7, 7 + 12]));
    assert_eq!(reported[8], expected("response.grpc_status", 5));
    assert_eq!(reported[9..13], all([5, size + 5, 7, 7 + 10 + 12]));
    assert_eq!(reported[13], expected("request.duration", 2_000_000));
}

#[test]
fn a_property_that_the_filter_set_ends_with_its_stream() {
    let vm = vm(
        "request-headers set-property mine 1; response-headers property mine, \
        property filter_state wasm.mine, property wasm.mine",
    );
    let mut stream = forwarded(&vm);
    assert_eq!(stream.property("mine"), Some(b"1".to_vec()));
    stream.answer(Response::ok("")).forwarded();
    let expected = ["mine=1", "filter_state.wasm.mine=1", "wasm.mine=none"];
    assert_eq!(lines(&vm), expected);
    assert_eq!(vm.stream().property("mine"), None);
}

#[test]
fn the_foreign_function_clear_route_cache_clears_the_route_cache() {
    let program = "request-headers foreign clear_route_cache x";
    assert_eq!(forwarded(&vm(program)).route_cache_clears(), 1);
    let vm = vm_with(Options::new().without_clear_route_cache(), program);
    assert_eq!(forwarded(&vm).route_cache_clears(), 0);
    assert_eq!(lines(&vm), ["foreign clear_route_cache x: NotFound"]);
}

#[test]
fn a_message_can_arrive_in_pieces() {
    let vm = vm("trace");
    let mut stream = vm.stream();
    let Request { headers, .. } = Request::post("/", "abcd");
    assert_eq!(stream.request_headers(headers, false), Verdict::Flowing);
    assert_eq!(stream.request_body(b"ab", false), Verdict::Flowing);
    assert_eq!(
        stream.upstream().map(|seen| seen.text()).as_deref(),
        Some("ab")
    );
    let seen = stream.request_body(b"cd", true).forwarded();
    assert_eq!(seen.text(), "abcd");
    let expected = [
        "request headers 5 false",
        "request body 2 false",
        "request body 2 true",
    ];
    assert_eq!(lines(&vm), expected);
}

#[test]
#[should_panic(expected = "line break")]
fn a_header_with_a_zero_byte_fails_the_test() {
    vm("request-headers set x-a a\0b")
        .stream()
        .send(Request::get("/"));
}
