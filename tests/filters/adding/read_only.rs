use stoa_filter_host::{Filter, Options, Request};

/// Runs read-only.wasm in the filter host.
#[test]
fn requests_that_change_something_are_rejected() {
    let filter = Filter::load(stoa_testkit::filter("read-only")).unwrap();
    let vm = filter.start(Options::new()).unwrap();
    vm.configure(r#"{"retry_after_seconds": 120}"#).unwrap();
    let reply = vm.stream().send(Request::post("/order", "{}")).replied();
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.header("retry-after"), Some("120"));
    assert!(vm.stream().send(Request::get("/product")).is_forwarded());
    assert_eq!(vm.counter("read_only.refused"), 1);
    let refused = vm.configure(r#"{"enabled": "no"}"#).unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains("enabled: \"no\" is not true or false"),
        "{refused}"
    );
}
