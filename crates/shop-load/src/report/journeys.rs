//! The report's numbers of journeys.

use std::time::Duration;

use serde::Serialize;

use crate::counts::Counts;
use crate::seconds::seconds;

/// Numbers of journeys, by kind and by result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Journeys {
    /// Journeys of browsers.
    pub browsers: u64,
    /// Journeys of buyers.
    pub buyers: u64,
    /// Journeys that completed.
    pub completed: u64,
    /// Journeys that ended with a failure.
    pub failed: u64,
    /// Journeys that the end of the run interrupted.
    pub cut_short: u64,
    /// Customers of the open loop who waited because `max_in_flight` customers were active. The wait is part of the latency.
    pub waited: u64,
    /// Longest time for which a customer of the open loop waited.
    #[serde(rename = "longest_wait_seconds", serialize_with = "seconds")]
    pub longest_wait: Duration,
    /// Customers of the open loop who still waited for a slot when the run ended. Each of these customers counts as a failure of
    /// the step `list`.
    pub not_begun: u64,
    /// Requests that were dropped, because they were in flight when the run was stopped at once.
    pub cut_off: u64,
}

impl Journeys {
    pub(super) fn new(counts: &Counts) -> Self {
        Self {
            browsers: counts.browsers.get(),
            buyers: counts.buyers.get(),
            completed: counts.completed.get(),
            failed: counts.failed.get(),
            cut_short: counts.cut_short.get(),
            waited: counts.waited.get(),
            longest_wait: counts.longest_wait.get(),
            not_begun: counts.not_begun.get(),
            cut_off: counts.cut_off.get(),
        }
    }
}
