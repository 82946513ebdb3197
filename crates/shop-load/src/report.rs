//! The report of a run, for programs; [`crate::table`] renders it for people.

mod journeys;
mod measured;
mod orders;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::counts::Counts;
use crate::orders::OrderRecord;
use crate::plan::Plan;
use crate::record::Records;
use crate::seconds::seconds;
use crate::world::World;

pub use journeys::Journeys;
pub use measured::{Kind, Latency, Measured, StepReport, WrongAnswers};
pub use orders::Orders;

use measured::kinds;

/// The report of a run. Its JSON has the members below, in snake_case; `docs/load.md` shows one.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The plan, including the seed.
    pub plan: Plan,
    /// When the load began, RFC 3339.
    #[serde(serialize_with = "text")]
    pub began_at: Timestamp,
    /// Time from then to the last answer.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// How the run ended.
    pub ended: Ended,
    /// The preparation; its requests are not part of any other number.
    pub preparation: Preparation,
    /// Journeys.
    pub journeys: Journeys,
    /// The measurements of each step that a customer took, in the order of [`Step::ALL`](crate::Step::ALL).
    pub steps: Vec<StepReport>,
    /// The measurements of all steps together.
    pub total: Measured,
    /// Failures by step and kind.
    pub failures: Vec<Kind>,
    /// Expected rejections by step and code.
    pub refusals: Vec<Kind>,
    /// Wrong answers under load; `preparation` has those before it.
    pub wrong_answers: WrongAnswers,
    /// Orders by outcome.
    pub orders: Orders,
    /// Answers of product, by its release.
    pub releases: BTreeMap<String, u64>,
    /// Every attempted order, oldest first; not in the JSON.
    #[serde(skip)]
    pub book: Vec<OrderRecord>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// At the end of its duration.
    Duration,
    /// It was stopped, and open orders were settled.
    Stopped,
    /// It was stopped, and requests in flight were dropped.
    StoppedAtOnce,
}

/// The preparation, before customers arrive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preparation {
    /// Its duration.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
    /// Accounts that were made.
    pub accounts: u32,
    /// Failures by step and kind.
    pub failures: Vec<Kind>,
    /// Wrong answers.
    pub wrong_answers: WrongAnswers,
}

impl Report {
    pub(crate) fn new<T>(
        world: &World<T>,
        counts: &Counts,
        preparation: Preparation,
        began_at: Timestamp,
        elapsed: Duration,
        ended: Ended,
    ) -> Self {
        let records = world.record.lock();
        let book = world.book.lock().clone();
        let steps = records.steps.iter().filter(|(_, tally)| tally.count > 0);
        Self {
            plan: world.plan.clone(),
            began_at,
            elapsed,
            ended,
            preparation,
            journeys: Journeys::new(counts),
            steps: steps
                .map(|(step, tally)| StepReport {
                    step: *step,
                    measured: Measured::new(tally, elapsed),
                })
                .collect(),
            total: Measured::new(&records.total, elapsed),
            failures: kinds(&records.failures),
            refusals: kinds(&records.refusals),
            wrong_answers: WrongAnswers::new(&records),
            orders: Orders::from_book(&book),
            releases: records.releases.clone(),
            book,
        }
    }

    /// Wrong answers, before and under load.
    pub fn wrong(&self) -> u64 {
        self.preparation.wrong_answers.count + self.wrong_answers.count
    }

    /// Share of requests that failed, 0 to 1.
    pub fn failed(&self) -> f64 {
        self.total.failed as f64 / (self.total.count as f64).max(1.0)
    }
}

impl Preparation {
    pub(crate) fn new(took: Duration, accounts: u32, records: &Records) -> Self {
        Self {
            took,
            accounts,
            failures: kinds(&records.failures),
            wrong_answers: WrongAnswers::new(records),
        }
    }
}

fn text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}
