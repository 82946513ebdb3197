//! Measurements, failures and wrong answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::record::{Records, Tally, WrongAnswer};
use crate::step::Step;

/// The measurements of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// Its measurements.
    #[serde(flatten)]
    pub measured: Measured,
}

/// Measurements.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Requests that ended, including repeats.
    pub count: u64,
    /// Requests a second, over the whole run.
    pub per_second: f64,
    /// Requests with an expected rejection.
    pub refused: u64,
    /// Requests without an answer, or with a wrong or unexpected one.
    pub failed: u64,
    /// Latencies in microseconds. The closed loop counts requests that were answered or timed out; the open loop counts all.
    pub latency_us: Latency,
}

/// Percentiles in microseconds, to three significant digits. A latency counts from when the request was sent (closed loop) or due
/// (open loop) until the whole answer was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "percentiles speak for themselves")]
pub struct Latency {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

/// A count of one kind of failure or rejection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// The step.
    pub step: Step,
    /// `connect`, `timeout`, `reset`, `protocol`, `not begun`, `wrong answer`, or a status with its code as `503 unavailable`.
    pub kind: String,
    /// Its count.
    pub count: u64,
}

/// Wrong answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrongAnswers {
    /// All of them.
    pub count: u64,
    /// The first twenty.
    pub examples: Vec<WrongAnswer>,
}

impl Measured {
    pub(super) fn new(tally: &Tally, elapsed: Duration) -> Self {
        let at = |quantile| tally.took.value_at_quantile(quantile);
        let seconds = elapsed.as_secs_f64();
        Self {
            count: tally.count,
            per_second: if seconds > 0.0 {
                tally.count as f64 / seconds
            } else {
                0.0
            },
            refused: tally.refused,
            failed: tally.failed,
            latency_us: Latency {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p99_9: at(0.999),
                max: tally.took.max(),
            },
        }
    }
}

impl WrongAnswers {
    pub(super) fn new(records: &Records) -> Self {
        Self {
            count: records.wrong,
            examples: records.examples.clone(),
        }
    }
}

/// Counts as a list.
pub(super) fn kinds(counted: &BTreeMap<(Step, String), u64>) -> Vec<Kind> {
    let kind = |((step, kind), count): (&(Step, String), &u64)| Kind {
        step: *step,
        kind: kind.clone(),
        count: *count,
    };
    counted.iter().map(kind).collect()
}
