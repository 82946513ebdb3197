//! Stops the tasks of a run, and waits until they have ended.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The time that requests in flight have to finish after the first signal to stop.
pub(crate) const GRACE_PERIOD: Duration = Duration::from_secs(10);

/// Completes once the sender of `stopping` is dropped.
pub(crate) async fn stopped(mut stopping: watch::Receiver<()>) {
    while stopping.changed().await.is_ok() {}
}

/// Tasks that stop together.
pub(crate) struct Tasks {
    stop: watch::Sender<()>,
    running: Vec<JoinHandle<()>>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            stop: watch::Sender::new(()),
            running: Vec::new(),
        }
    }

    /// A receiver that closes when the tasks must stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<()> {
        self.stop.subscribe()
    }

    pub(crate) fn add(&mut self, task: JoinHandle<()>) {
        self.running.push(task);
    }

    /// Stops the tasks, and waits until all tasks have ended.
    pub(crate) async fn end(self) {
        drop(self.stop);
        for task in self.running {
            let _ = task.await;
        }
    }
}
