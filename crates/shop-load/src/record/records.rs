//! The recorded measurements of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};
use serde::Serialize;

use crate::step::Step;

/// Longest latency in the histograms. Longer latencies are recorded as this latency.
const LONGEST_LATENCY: Duration = Duration::from_secs(3_600);
/// Significant digits of the latencies in the histograms.
const SIGNIFICANT_DIGITS: u8 = 3;

/// A wrong answer: a response that contradicts its request or the rules of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrongAnswer {
    /// The step of the request.
    pub step: Step,
    /// Describes what is wrong in the response. In JSON, this field has the name `what`.
    #[serde(rename = "what")]
    pub error: String,
    /// The response's `x-request-id`. The lines of the shop's logs about this request contain the same id.
    pub request_id: Option<String>,
}

/// The measurements of one step, or of all steps together.
#[derive(Debug, Clone)]
pub(crate) struct StepRecord {
    pub(crate) count: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    /// Latencies in microseconds.
    pub(crate) latencies: Histogram<u64>,
}

impl StepRecord {
    fn new() -> Result<Self, CreationError> {
        let longest = u64::try_from(LONGEST_LATENCY.as_micros()).unwrap_or(u64::MAX);
        Ok(Self {
            count: 0,
            refused: 0,
            failed: 0,
            latencies: Histogram::new_with_bounds(1, longest, SIGNIFICANT_DIGITS)?,
        })
    }
}

/// All measurements of a run.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    pub(crate) steps: BTreeMap<Step, StepRecord>,
    pub(crate) total: StepRecord,
    pub(crate) failures: BTreeMap<(Step, String), u64>,
    pub(crate) refusals: BTreeMap<(Step, String), u64>,
    /// Number of responses of the product service, by release.
    pub(crate) releases: BTreeMap<String, u64>,
    pub(crate) wrong: u64,
    pub(crate) examples: Vec<WrongAnswer>,
}

impl Records {
    pub(super) fn new() -> Result<Self, CreationError> {
        let mut steps = BTreeMap::new();
        for step in Step::ALL {
            steps.insert(step, StepRecord::new()?);
        }
        Ok(Self {
            steps,
            total: StepRecord::new()?,
            failures: BTreeMap::new(),
            refusals: BTreeMap::new(),
            releases: BTreeMap::new(),
            wrong: 0,
            examples: Vec::new(),
        })
    }
}
