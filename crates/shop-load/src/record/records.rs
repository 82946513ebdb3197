//! The numbers that are recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};
use serde::Serialize;

use crate::step::Step;

/// Longest latency that the histograms distinguish from longer ones.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Significant digits of a latency.
const DIGITS: u8 = 3;

/// A wrong answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrongAnswer {
    /// The step of its request.
    pub step: Step,
    /// What is wrong with it.
    pub what: String,
    /// The answer's `x-request-id`, to find it in the shop's logs.
    pub request_id: Option<String>,
}

/// One step, or all of them.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    /// Latencies in microseconds.
    pub(crate) took: Histogram<u64>,
}

impl Tally {
    fn new() -> Result<Self, CreationError> {
        let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
        Ok(Self {
            count: 0,
            refused: 0,
            failed: 0,
            took: Histogram::new_with_bounds(1, longest, DIGITS)?,
        })
    }
}

/// Everything that is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    pub(crate) steps: BTreeMap<Step, Tally>,
    pub(crate) total: Tally,
    pub(crate) failures: BTreeMap<(Step, String), u64>,
    pub(crate) refusals: BTreeMap<(Step, String), u64>,
    /// Answers of product, by its release.
    pub(crate) releases: BTreeMap<String, u64>,
    pub(crate) wrong: u64,
    pub(crate) examples: Vec<WrongAnswer>,
}

impl Records {
    pub(super) fn new() -> Result<Self, CreationError> {
        let mut steps = BTreeMap::new();
        for step in Step::ALL {
            steps.insert(step, Tally::new()?);
        }
        Ok(Self {
            steps,
            total: Tally::new()?,
            failures: BTreeMap::new(),
            refusals: BTreeMap::new(),
            releases: BTreeMap::new(),
            wrong: 0,
            examples: Vec::new(),
        })
    }
}
