//! The end of a run: after its duration, or when it is stopped.

use std::sync::OnceLock;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Go,
    Gently,
    AtOnce,
}

/// Ends a run early. Clones end the same run.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<Level>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(Level::Go))
    }
}

impl Stop {
    /// Starts no more journeys, and settles open orders.
    pub fn gently(&self) {
        self.raise(Level::Gently);
    }

    /// Drops everything at once.
    pub fn at_once(&self) {
        self.raise(Level::AtOnce);
    }

    fn raise(&self, to: Level) {
        self.0.send_if_modified(|level| {
            let higher = to > *level;
            *level = to.max(*level);
            higher
        });
    }

    fn is(&self, level: Level) -> bool {
        *self.0.borrow() >= level
    }

    async fn wait(&self, level: Level) {
        // An error means that no sender is left, and `self` is one.
        let _ = self.0.subscribe().wait_for(|now| *now >= level).await;
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.is(Level::Gently)
    }

    pub(crate) async fn requested(&self) {
        self.wait(Level::Gently).await;
    }

    pub(crate) async fn requested_at_once(&self) {
        self.wait(Level::AtOnce).await;
    }
}

/// The end of the run, for its customers.
#[derive(Debug)]
pub(crate) struct Ending {
    stop: Stop,
    /// Set when the load begins; during the preparation only `stop` counts.
    at: OnceLock<Instant>,
}

impl Ending {
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

    /// Waits until `when` or the end of the run; false if the run ended first.
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

    /// Completes at the end of the run.
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
    async fn a_sleep_ends_at_its_time_at_the_end_of_the_run_or_when_it_is_stopped() {
        let (stop, begun) = (Stop::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let ending = Ending::new(stop.clone());
        ending.set(at(10));
        assert!(ending.sleep_until(at(3)).await);
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        assert!(!ending.sleep_until(at(30)).await);
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        assert!(ending.is_reached());

        let stopped = Ending::new(stop.clone());
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
