//! Waits for a condition, never for a fixed time; runs work concurrently.

use std::time::{Duration, Instant};

/// Poll interval. Short compared with any wait, long compared with the cost of a poll.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `holds` returns true; panics with `what` if it does not within `limit`.
#[track_caller]
pub fn wait_until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(limit, what, || holds().then_some(()));
}

/// Waits until `look` returns a value, and returns it; panics with `what` if it does not within `limit`.
#[track_caller]
pub fn wait_for<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            start.elapsed() < limit,
            "waited {limit:?} in vain for {what}"
        );
        std::thread::sleep(PAUSE);
    }
}

/// Runs `work` this many times at once, each with a number; returns the results in the order of the numbers.
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
