//! Waiting for a condition, never for a time; and doing things at the same time.

use std::time::{Duration, Instant};

/// How long between two looks. Short against anything waited for, long against what a look costs.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `holds` does, and panics with `what` if it does not within `limit`.
#[track_caller]
pub fn wait_until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(limit, what, || holds().then_some(()));
}

/// Waits until `look` finds something, and returns it; panics with `what` if it does not within `limit`.
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

/// Does `work` so many times at once, with a number each, and gives the results in the order of the numbers.
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
