//! Limits how many requests run, and how many wait for their bodies.
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The counts of one process.
pub(crate) struct Admissions {
    running: Arc<AtomicU32>,
    receiving: Arc<AtomicU32>,
    max_instances: u32,
}

impl Admissions {
    /// `max_instances` is the number of requests from outside that may run at the same time.
    pub(crate) fn new(max_instances: u32) -> Self {
        Self {
            running: Arc::default(),
            receiving: Arc::default(),
            max_instances,
        }
    }

    /// None if the limit of running requests is reached.
    pub(crate) fn admit(&self) -> Option<Admission> {
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        let admission = Admission(Arc::clone(&self.running));
        (before < self.max_instances).then_some(admission)
    }

    /// None if half of all instances already wait for a body.
    pub(crate) fn receive(&self) -> Option<Receiving> {
        let before = self.receiving.fetch_add(1, Ordering::Relaxed);
        let receiving = Receiving(Arc::clone(&self.receiving));
        (before < self.max_instances / 2).then_some(receiving)
    }

    /// Requests from outside that run now.
    pub(crate) fn running(&self) -> u32 {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether any request runs; for use on another thread.
    pub(crate) fn any_running(&self) -> impl Fn() -> bool + Send + use<> {
        let running = Arc::clone(&self.running);
        move || running.load(Ordering::Relaxed) > 0
    }
}

/// The right to run one request from outside.
pub(crate) struct Admission(Arc<AtomicU32>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to run a guest before all of its request's body has arrived.
pub(crate) struct Receiving(Arc<AtomicU32>);

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
