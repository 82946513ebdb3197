//! The report's measurements, failures and wrong answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::record::{Records, StepRecord, WrongAnswer};
use crate::step::Step;

/// The measurements of one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// The step's measurements.
    #[serde(flatten)]
    pub measured: Measured,
}

/// The measurements of one step, or of all steps together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Number of requests that ended, including repeats.
    pub count: u64,
    /// Requests a second, averaged over the whole run.
    pub per_second: f64,
    /// Number of requests with an expected rejection.
    pub refused: u64,
    /// Number of requests without a response, or with a wrong or unexpected response.
    pub failed: u64,
    /// Latencies in microseconds. The closed loop counts the requests that got a response or timed out. The open loop counts all
    /// requests.
    pub latency_us: Latency,
}

/// Percentiles of the latency in microseconds, with three significant digits. A latency begins when the request is sent (closed
/// loop) or due (open loop), and ends when the whole response is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names of percentiles need no explanation")]
pub struct Latency {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

/// The number of failures or rejections of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The step of the requests.
    pub step: Step,
    /// The kind: `connect`, `timeout`, `reset`, `protocol`, `not begun`, `wrong answer`, or a status and its code, such as
    /// `503 unavailable`.
    pub kind: String,
    /// Number of requests that failed, or were rejected, in this step with this kind.
    pub count: u64,
}

/// The number of wrong answers, and examples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrongAnswers {
    /// Number of all wrong answers.
    pub count: u64,
    /// The first twenty wrong answers.
    pub examples: Vec<WrongAnswer>,
}

impl Measured {
    pub(super) fn new(step_record: &StepRecord, elapsed: Duration) -> Self {
        let at = |quantile| step_record.latencies.value_at_quantile(quantile);
        let seconds = elapsed.as_secs_f64();
        Self {
            count: step_record.count,
            per_second: if seconds > 0.0 {
                step_record.count as f64 / seconds
            } else {
                0.0
            },
            refused: step_record.refused,
            failed: step_record.failed,
            latency_us: Latency {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p99_9: at(0.999),
                max: step_record.latencies.max(),
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

/// Converts counts into a list for the report.
pub(super) fn kind_counts(counts: &BTreeMap<(Step, String), u64>) -> Vec<KindCount> {
    let kind = |((step, kind), count): (&(Step, String), &u64)| KindCount {
        step: *step,
        kind: kind.clone(),
        count: *count,
    };
    counts.iter().map(kind).collect()
}
