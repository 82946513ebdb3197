//! Signals to tasks that a run stops, and limits the time that they have to end.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The grace period of requests in flight after the first signal.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Completes once the sender is dropped.
pub(crate) async fn stopped(mut stopping: watch::Receiver<()>) {
    while stopping.changed().await.is_ok() {}
}

/// Tasks that end when their sender is dropped.
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

    /// Closes when the tasks must end.
    pub(crate) fn stopping(&self) -> watch::Receiver<()> {
        self.stop.subscribe()
    }

    pub(crate) fn add(&mut self, task: JoinHandle<()>) {
        self.running.push(task);
    }

    /// Stops the tasks and waits until all have ended.
    pub(crate) async fn end(self) {
        drop(self.stop);
        for task in self.running {
            let _ = task.await;
        }
    }
}
