//! Waiting for a condition, never for a time.

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
