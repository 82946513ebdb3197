//! Waits until a condition is true, and runs work concurrently. Tests wait for conditions, never for a fixed time.

use std::time::{Duration, Instant};

/// Poll interval for a condition. It is much shorter than a typical wait, and much longer than one check of the condition takes.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `condition` returns true. Panics with `what` if `condition` is still false after `limit`.
#[track_caller]
pub fn wait_until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(limit, what, || condition().then_some(()));
}

/// Waits until `poll` returns a value, and returns the value. Panics with `what` if there is no value after `limit`.
#[track_caller]
pub fn wait_for<T>(limit: Duration, what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(
            start.elapsed() < limit,
            "timed out after {limit:?} while waiting for: {what}"
        );
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Runs `work` this many times concurrently. Each run gets a number, counted from 0. Returns the results in the order of these
/// numbers.
pub fn at_once<T: Send>(times: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..times)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|result| result.unwrap_or_else(|cause| std::panic::resume_unwind(cause)))
            .collect()
    })
}
