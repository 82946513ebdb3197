//! When a run ends: at its time, or when it is told to.

use std::sync::OnceLock;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Go,
    Gently,
    AtOnce,
}

/// Ends a run before its time. Clones end the same run.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<Level>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(Level::Go))
    }
}

impl Stop {
    /// No journey begins any more, and orders that are under way are settled.
    pub fn gently(&self) {
        self.raise(Level::Gently);
    }

    /// Everything is dropped where it is.
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
        // An error says that no sender is left, and `self` is one.
        let _ = self.0.subscribe().wait_for(|now| *now >= level).await;
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.is(Level::Gently)
    }

    pub(crate) async fn asked(&self) {
        self.wait(Level::Gently).await;
    }

    pub(crate) async fn asked_at_once(&self) {
        self.wait(Level::AtOnce).await;
    }
}

/// The end as customers see it.
#[derive(Debug)]
pub(crate) struct Ending {
    stop: Stop,
    /// Set when the load begins: before, while it is prepared, only `stop` counts.
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

    pub(crate) fn is_here(&self) -> bool {
        self.stop.is_asked() || self.at.get().is_some_and(|at| *at <= Instant::now())
    }

    /// Waits until `when`, or the end: false if the end came first.
    pub(crate) async fn sleep_until(&self, when: Instant) -> bool {
        if self.is_here() {
            return false;
        }
        let end = self.at.get().copied().unwrap_or(when);
        tokio::select! {
            () = sleep_until(when.min(end)) => {}
            () = self.stop.asked() => {}
        }
        !self.is_here()
    }

    /// Completes at the end.
    pub(crate) async fn come(&self) {
        match self.at.get() {
            Some(at) => tokio::select! {
                () = sleep_until(*at) => {}
                () = self.stop.asked() => {}
            },
            None => self.stop.asked().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sleep_ends_at_its_time_at_the_end_or_when_it_is_told_to() {
        let (stop, begun) = (Stop::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let ending = Ending::new(stop.clone());
        ending.set(at(10));
        assert!(ending.sleep_until(at(3)).await);
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        assert!(!ending.sleep_until(at(30)).await);
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        assert!(ending.is_here());

        let told = Ending::new(stop.clone());
        told.set(at(1_000));
        let (slept, ()) = tokio::join!(told.sleep_until(at(900)), async {
            sleep_until(at(20)).await;
            stop.gently();
        });
        assert!(!slept);
        assert_eq!(begun.elapsed(), Duration::from_secs(20));
    }

    #[tokio::test]
    async fn at_once_is_more_than_gently_and_not_taken_back() {
        let stop = Stop::default();
        assert!(!stop.is_asked());
        stop.clone().at_once();
        stop.gently();
        stop.asked().await;
        stop.asked_at_once().await;
        assert!(stop.is_asked());
    }
}
