//! The end of a run: after the planned duration, or when the run is stopped.

use std::sync::OnceLock;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum StopLevel {
    NotRequested,
    Gently,
    AtOnce,
}

/// Ends a run early. All clones belong to the same run.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<StopLevel>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(StopLevel::NotRequested))
    }
}

impl Stop {
    /// Stops the run gently: no further journey begins. A buyer whose order has no result yet continues until the order has one, or
    /// until the buyer gives up.
    pub fn gently(&self) {
        self.raise(StopLevel::Gently);
    }

    /// Stops the run at once: requests in flight are dropped.
    pub fn at_once(&self) {
        self.raise(StopLevel::AtOnce);
    }

    fn raise(&self, to: StopLevel) {
        self.0.send_if_modified(|level| {
            let higher = to > *level;
            *level = to.max(*level);
            higher
        });
    }

    fn is(&self, level: StopLevel) -> bool {
        *self.0.borrow() >= level
    }

    async fn wait(&self, level: StopLevel) {
        // An error would mean that all senders are dropped, but `self` is a sender.
        let _ = self.0.subscribe().wait_for(|now| *now >= level).await;
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.is(StopLevel::Gently)
    }

    pub(crate) async fn requested(&self) {
        self.wait(StopLevel::Gently).await;
    }

    pub(crate) async fn requested_at_once(&self) {
        self.wait(StopLevel::AtOnce).await;
    }
}

/// The end of the run: the planned time, or an earlier request to stop. Customers check before each step whether the run has ended.
#[derive(Debug)]
pub(crate) struct RunEnd {
    stop: Stop,
    /// The time at which the planned duration is over. It is set when the load begins; before that, only `stop` ends the run.
    at: OnceLock<Instant>,
}

impl RunEnd {
    pub(crate) fn new(stop: Stop) -> Self {
        let at = OnceLock::new();
        Self { stop, at }
    }

    pub(crate) fn set(&self, at: Instant) {
        let _ = self.at.set(at);
    }

    pub(crate) fn is_reached(&self) -> bool {
        self.stop.is_requested() || self.at.get().is_some_and(|at| *at <= Instant::now())
    }

    /// Waits until `when` or until the run ends. Returns false if the run ended before `when`.
    pub(crate) async fn sleep_until(&self, when: Instant) -> bool {
        if self.is_reached() {
            return false;
        }
        let end = self.at.get().copied().unwrap_or(when);
        tokio::select! {
            () = sleep_until(when.min(end)) => {}
            () = self.stop.requested() => {}
        }
        !self.is_reached()
    }

    /// Completes when the run ends.
    pub(crate) async fn reached(&self) {
        match self.at.get() {
            Some(at) => tokio::select! {
                () = sleep_until(*at) => {}
                () = self.stop.requested() => {}
            },
            None => self.stop.requested().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sleep_ends_at_its_time_or_when_the_run_ends_or_is_stopped() {
        let (stop, begun) = (Stop::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let ending = RunEnd::new(stop.clone());
        ending.set(at(10));
        assert!(ending.sleep_until(at(3)).await);
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        assert!(!ending.sleep_until(at(30)).await);
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        assert!(ending.is_reached());

        let stopped = RunEnd::new(stop.clone());
        stopped.set(at(1_000));
        let (slept, ()) = tokio::join!(stopped.sleep_until(at(900)), async {
            sleep_until(at(20)).await;
            stop.gently();
        });
        assert!(!slept);
        assert_eq!(begun.elapsed(), Duration::from_secs(20));
    }

    #[tokio::test]
    async fn at_once_outranks_gently_and_is_final() {
        let stop = Stop::default();
        assert!(!stop.is_requested());
        stop.clone().at_once();
        stop.gently();
        stop.requested().await;
        stop.requested_at_once().await;
        assert!(stop.is_requested());
    }
}
