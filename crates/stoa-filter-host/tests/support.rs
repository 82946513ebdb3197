//! Functions that the tests share. The probe is compiled once for all tests.

use std::sync::LazyLock;

use stoa_filter_host::{Filter, Options, Request, Stream, Vm};

static PROBE: LazyLock<Filter> =
    LazyLock::new(|| Filter::load(stoa_testkit::filter("probe")).unwrap());

pub(crate) fn probe() -> Filter {
    PROBE.clone()
}

/// Starts the probe with a program that runs in all streams.
pub(crate) fn vm(program: &str) -> Vm {
    vm_with(Options::new(), program)
}

pub(crate) fn vm_with(options: Options, program: &str) -> Vm {
    let vm = probe().start(options).unwrap();
    vm.configure(program).unwrap();
    vm
}

/// Creates a stream, and sends `GET /`, which the filter forwards.
pub(crate) fn forwarded(vm: &Vm) -> Stream {
    let mut stream = vm.stream();
    stream.send(Request::get("/")).forwarded();
    stream
}

/// Returns the lines that the filter logged, and removes them.
pub(crate) fn lines(vm: &Vm) -> Vec<String> {
    vm.take_logs().into_iter().map(|log| log.message).collect()
}
