//! Counters of journeys, which all customers share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::interrupted::Interrupted;

/// A counter that only increases.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The longest of the durations that were passed to [`Longest::update`].
#[derive(Debug, Default)]
pub(crate) struct Longest(AtomicU64);

impl Longest {
    pub(crate) fn update(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_max(micros, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// The kind of a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JourneyKind {
    Browser,
    Buyer,
}

/// Counters of journeys. `report::Journeys` documents every counter.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) browsers: Count,
    pub(crate) buyers: Count,
    pub(crate) completed: Count,
    pub(crate) failed: Count,
    pub(crate) cut_short: Count,
    pub(crate) waited: Count,
    pub(crate) not_begun: Count,
    pub(crate) longest_wait: Longest,
    pub(crate) cut_off: Count,
}

impl Counts {
    pub(crate) fn count_journey(&self, kind: JourneyKind, ended: Result<(), Interrupted>) {
        match kind {
            JourneyKind::Browser => self.browsers.add(1),
            JourneyKind::Buyer => self.buyers.add(1),
        }
        match ended {
            Ok(()) => self.completed.add(1),
            Err(Interrupted::Failed) => self.failed.add(1),
            Err(Interrupted::RunEnded) => self.cut_short.add(1),
        }
    }
}
