//! Tests of the lifecycle of contexts and configurations, and of loading a filter.

use std::time::Duration;

use stoa_filter_host::{ConfigureError, Filter, LoadError, Options, Request, Response, Shared};

use crate::support::{forwarded, lines, probe, vm};

#[test]
fn a_rejected_configuration_changes_nothing() {
    let vm = vm("request-headers set x-version 1");
    let refused = vm.configure("configure log because, refuse").unwrap_err();
    assert!(refused.to_string().ends_with("\n  because"), "{refused}");
    assert!(matches!(refused, ConfigureError::Refused { logs } if logs.len() == 1));
    let crashed = vm.configure("configure panic").unwrap_err();
    assert!(
        matches!(crashed, ConfigureError::Crashed { .. }),
        "{crashed}"
    );
    assert_eq!(
        vm.trap(),
        None,
        "the configuration crashed the canary VM, not this VM"
    );
    let seen = vm.stream().send(Request::get("/")).forwarded();
    assert_eq!(seen.headers.get("x-version"), Some("1"));
}

#[test]
fn a_filter_with_another_vm_id_or_configuration_or_without_shared_data_has_its_own_vm() {
    let shared = Shared::new();
    let start = |options: Options| {
        let vm = probe().start(options).unwrap();
        vm.configure("request-headers static").unwrap();
        forwarded(&vm);
        let line = lines(&vm).pop();
        (vm, line.unwrap())
    };
    let options = Options::new().shared(&shared);
    let (_first, line) = start(options.clone());
    assert_eq!(line, "static=1");
    let (_same, line) = start(options.clone());
    assert_eq!(line, "static=2");
    for other in [
        Options::new(),
        options.clone().vm_id("other"),
        options.vm_configuration("other"),
    ] {
        assert_eq!(start(other).1, "static=1");
    }
}

#[test]
fn a_vm_continues_for_the_other_plugins_after_one_plugin_ends() {
    let options = Options::new().shared(&Shared::new());
    let [first, second] = ["first", "second"].map(|name| {
        let vm = probe().start(options.clone()).unwrap();
        vm.configure(format!("trace; request-headers set x-name {name}"))
            .unwrap();
        vm
    });
    first.take_logs();
    first.shut_down();
    assert_eq!(lines(&second), ["root done"]);
    let seen = second.stream().send(Request::get("/")).forwarded();
    assert_eq!(seen.headers.get("x-name"), Some("second"));
}

#[test]
fn the_filter_can_reject_the_configuration_of_the_vm() {
    let options = Options::new().vm_configuration("refuse");
    let vm = probe().start(options).unwrap();
    assert!(matches!(
        vm.configure(""),
        Err(ConfigureError::Refused { .. })
    ));
}

#[test]
fn a_new_configuration_applies_to_new_streams_and_the_old_configuration_ends_with_its_last_stream()
{
    let vm = vm("trace; request-headers pause; tick set x-version 1, resume-request; every 10");
    let mut old = vm.stream();
    old.send(Request::get("/"));
    vm.configure("trace; request-headers set x-version 2")
        .unwrap();
    vm.configure("trace; request-headers set x-version 2")
        .unwrap();
    let mut new = vm.stream();
    let seen = new.send(Request::get("/")).forwarded();
    assert_eq!(seen.headers.get("x-version"), Some("2"));
    vm.take_logs();
    vm.advance(Duration::from_millis(10));
    let seen = old.request().forwarded();
    assert_eq!(seen.headers.get("x-version"), Some("1"));
    old.answer(Response::ok("")).forwarded();
    assert_eq!(
        lines(&vm),
        [
            "tick",
            "response headers 2 true",
            "log",
            "done",
            "root done"
        ]
    );
    vm.advance(Duration::from_millis(100));
    assert_eq!(
        lines(&vm),
        [""; 0],
        "the replaced configuration gets no more ticks"
    );
}

#[test]
fn a_plugin_can_delay_its_end_until_it_calls_done() {
    let vm = vm("trace; every 10; root-done pause; root-tick done");
    vm.configure("trace").unwrap();
    assert_eq!(lines(&vm), ["root done"]);
    vm.advance(Duration::from_millis(30));
    assert_eq!(lines(&vm), ["tick"]);
}

#[test]
fn a_caller_that_disconnects_ends_the_stream() {
    let vm = vm("trace; request-headers pause; log get :path; every 10; tick resume-request");
    let mut stream = vm.stream();
    stream.send(Request::get("/gone"));
    assert_eq!(vm.streams(), 1);
    drop(stream);
    assert_eq!(vm.streams(), 0);
    let expected = ["request headers 4 true", "log", ":path=/gone", "done"];
    assert_eq!(lines(&vm), expected);
    vm.advance(Duration::from_millis(10));
    assert_eq!(lines(&vm), ["tick", "the stream has ended"]);
}

#[test]
fn no_context_remains_after_ten_thousand_streams() {
    let vm = vm("request-headers set x-a 1");
    for _ in 0..10_000 {
        let mut stream = forwarded(&vm);
        stream.answer(Response::ok("hello")).forwarded();
    }
    assert_eq!(vm.streams(), 0);
}

#[test]
fn shut_down_does_not_panic() {
    let vm = vm("trace");
    vm.shut_down();
}

#[test]
#[should_panic(expected = "the filter has no configuration")]
fn a_stream_needs_a_configuration() {
    probe().start(Options::new()).unwrap().stream();
}

#[test]
fn a_file_that_is_not_a_filter_is_rejected() {
    let load = |text: &str| Filter::from_bytes(text.as_bytes()).err().unwrap();
    assert!(matches!(load("(module"), LoadError::Compile(_)));
    assert!(
        matches!(load("(module)"), LoadError::Compile(_)),
        "a module in text form is rejected"
    );
    let module = |text: &str| {
        let bytes = wat::parse_str(text).unwrap();
        Filter::from_bytes(&bytes).err().unwrap()
    };
    assert!(matches!(module("(module)"), LoadError::Abi));
    let abi = r#"(func (export "proxy_abi_version_0_2_1"))"#;
    assert!(matches!(
        module(&format!("(module {abi})")),
        LoadError::Allocate
    ));
    let import = r#"(import "env" "proxy_sleep" (func)) (func (export "malloc"))"#;
    let error = module(&format!("(module {import} {abi})"));
    assert_eq!(
        error.to_string(),
        "the filter imports functions that the host does not have: env.proxy_sleep"
    );
    let missing = Filter::load("nowhere.wasm").err().unwrap();
    assert_eq!(missing.to_string(), "cannot read the filter nowhere.wasm");
}
