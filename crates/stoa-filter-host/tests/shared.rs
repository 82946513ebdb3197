//! Tests of shared data, queues, metrics, the clock, the log and foreign functions.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use stoa_filter_host::{Level, Options, Shared, Status};

use crate::support::{forwarded, lines, vm, vm_with};

#[test]
fn a_write_of_shared_data_needs_the_stamp_of_the_current_value() {
    let shared = Shared::new();
    let options = Options::new().shared(&shared);
    let first = vm_with(options.clone(), "request-headers share k v, shared k");
    let second = vm_with(
        options,
        "request-headers shared k, share-stale k w, shared k",
    );
    forwarded(&first);
    assert_eq!(lines(&first), ["k=v stamped true"]);
    forwarded(&second);
    let expected = [
        "k=v stamped true",
        "share-stale k w: CasMismatch",
        "k=v stamped true",
    ];
    assert_eq!(lines(&second), expected);
    assert_eq!(shared.get("k"), Some(b"v".to_vec()));
    assert_eq!(shared.get("none"), None);
}

#[test]
fn the_owner_of_a_queue_is_notified_of_its_items_in_order() {
    let vm = vm(
        "configure register jobs; request-headers enqueue jobs a, enqueue jobs b, enqueue none c, log after",
    );
    forwarded(&vm);
    assert_eq!(
        lines(&vm),
        ["the queue does not exist", "after", "queue: a", "queue: b"]
    );
}

#[test]
fn metrics_are_read_by_their_names() {
    let vm = vm(
        "request-headers count hits 2, gauge busy 3, gauge busy -1, record size 7, record size 9, count hits -1",
    );
    forwarded(&vm);
    assert_eq!(
        lines(&vm),
        ["count hits -1: BadArgument"],
        "a counter cannot go down"
    );
    assert_eq!(vm.counter("hits"), 2);
    assert_eq!(vm.gauge("busy"), 2);
    assert_eq!(vm.histogram("size"), [7, 9]);
    assert_eq!(vm.counter("none"), 0);
}

#[test]
#[should_panic(expected = "made the gauge busy negative")]
fn a_negative_gauge_fails_the_test() {
    forwarded(&vm("request-headers gauge busy -1"));
}

#[test]
fn the_clock_moves_only_when_the_test_advances_it() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_millis(5000);
    let vm = vm_with(Options::new().clock(start), "every 100; root-tick time");
    vm.advance(Duration::from_millis(350));
    assert_eq!(lines(&vm), ["time=5100", "time=5200", "time=5300"]);
    assert_eq!(vm.now(), start + Duration::from_millis(350));
    vm.advance(Duration::from_millis(50));
    assert_eq!(lines(&vm), ["time=5400"]);
}

#[test]
fn the_log_keeps_levels_and_standard_output() {
    let vm = vm("request-headers log hello there, print out");
    forwarded(&vm);
    let logs = vm.logs();
    assert_eq!(
        (logs[0].level, logs[0].message.as_str()),
        (Level::Warn, "hello there")
    );
    assert_eq!(
        (logs[1].level, logs[1].message.as_str()),
        (Level::Info, "out")
    );
}

#[test]
fn a_test_can_add_foreign_functions() {
    let calls = Rc::new(Cell::new(0));
    let count = Rc::clone(&calls);
    let options = Options::new()
        .foreign("upper", move |argument| {
            count.set(count.get() + 1);
            Ok(argument.to_ascii_uppercase())
        })
        .foreign("never", |_| Err(Status::InternalFailure));
    let vm = vm_with(
        options,
        "request-headers foreign upper abc, foreign never x, foreign none x",
    );
    forwarded(&vm);
    let expected = [
        "upper=ABC",
        "foreign never x: InternalFailure",
        "foreign none x: NotFound",
    ];
    assert_eq!(lines(&vm), expected);
    assert_eq!(calls.get(), 1);
}
