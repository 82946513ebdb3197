//! Limits the number of running requests, and the number of guests that wait for their requests' bodies.
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Two counts and their limits: the number of running requests, and the number of guests that started before their request's body
/// was complete.
pub(crate) struct Admissions {
    running: Arc<AtomicU32>,
    early_starts: Arc<AtomicU32>,
    max_instances: u32,
}

impl Admissions {
    /// `max_instances` is the maximum number of requests from outside that run at the same time.
    pub(crate) fn new(max_instances: u32) -> Self {
        Self {
            running: Arc::default(),
            early_starts: Arc::default(),
            max_instances,
        }
    }

    /// Returns the right to run one request; None if the limit of running requests is reached.
    pub(crate) fn admit(&self) -> Option<Admission> {
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        let admission = Admission(Arc::clone(&self.running));
        (before < self.max_instances).then_some(admission)
    }

    /// Returns the right to start a guest before its request's body is complete; None if half of all instances already have that
    /// right.
    pub(crate) fn admit_early_start(&self) -> Option<EarlyStart> {
        let before = self.early_starts.fetch_add(1, Ordering::Relaxed);
        let early_start = EarlyStart(Arc::clone(&self.early_starts));
        (before < self.max_instances / 2).then_some(early_start)
    }

    /// The number of requests from outside that run now.
    pub(crate) fn running_requests(&self) -> u32 {
        self.running.load(Ordering::Relaxed)
    }

    /// Returns a function that reports whether any request runs. Another thread may call this function.
    pub(crate) fn any_running(&self) -> impl Fn() -> bool + Send + use<> {
        let running = Arc::clone(&self.running);
        move || running.load(Ordering::Relaxed) > 0
    }
}

/// The right to run one request from outside, until this value is dropped.
pub(crate) struct Admission(Arc<AtomicU32>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to start a guest before its request's body is complete. The request holds this right until its body ends.
pub(crate) struct EarlyStart(Arc<AtomicU32>);

impl Drop for EarlyStart {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
