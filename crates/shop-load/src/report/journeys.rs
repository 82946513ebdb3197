//! Journeys.

use std::time::Duration;

use serde::Serialize;

use crate::counts::Counts;
use crate::seconds::seconds;

/// Journeys by kind and by result.
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
    /// Journeys that the end of the run cut short.
    pub cut_short: u64,
    /// Customers of the open loop who waited because `max_in_flight` were active. Their latency counts from when they arrived.
    pub waited: u64,
    /// The longest of these waits.
    #[serde(rename = "longest_wait_seconds", serialize_with = "seconds")]
    pub longest_wait: Duration,
    /// Customers of the open loop who still waited at the end; each counts as a failure of the first step.
    pub not_begun: u64,
    /// Requests in flight when the run was stopped at once.
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
