//! The report of a run, for programs. [`crate::table`] renders the report for people.

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
pub use measured::{KindCount, Latency, Measured, StepReport, WrongAnswers};
pub use orders::Orders;

use measured::kind_counts;

/// The report of a run. `docs/load.md` shows a report as JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The plan, including the seed.
    pub plan: Plan,
    /// When the load began; an RFC 3339 timestamp in JSON.
    #[serde(serialize_with = "as_text")]
    pub began_at: Timestamp,
    /// Time from the beginning of the load to the last response.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// How the run ended.
    pub ended: Ended,
    /// The preparation before the load. All other numbers exclude the requests of the preparation.
    pub preparation: Preparation,
    /// Number of journeys, by kind and by result.
    pub journeys: Journeys,
    /// The measurements of each step with at least one request, in the order of [`Step::ALL`](crate::Step::ALL).
    pub steps: Vec<StepReport>,
    /// The measurements of all steps together.
    pub total: Measured,
    /// Number of failures, by step and kind.
    pub failures: Vec<KindCount>,
    /// Number of expected rejections, by step and code.
    pub refusals: Vec<KindCount>,
    /// Wrong answers under load. `preparation` contains the wrong answers before the load.
    pub wrong_answers: WrongAnswers,
    /// Number of orders, by outcome.
    pub orders: Orders,
    /// Number of responses of the product service, by release.
    pub releases: BTreeMap<String, u64>,
    /// Every attempted order, oldest first. The report in JSON does not contain the orders.
    #[serde(skip)]
    pub book: Vec<OrderRecord>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The planned duration was over.
    Duration,
    /// The run was stopped early. Each buyer continued until the order had a result or the buyer gave up.
    Stopped,
    /// The run was stopped at once, and requests in flight were dropped.
    StoppedAtOnce,
}

/// The result of the preparation, before customers arrive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preparation {
    /// Duration of the preparation. In JSON, this field has the name `seconds`.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub duration: Duration,
    /// Number of accounts that were created.
    pub accounts: u32,
    /// Number of failures, by step and kind.
    pub failures: Vec<KindCount>,
    /// Wrong answers during the preparation.
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
        let steps = records
            .steps
            .iter()
            .filter(|(_, step_record)| step_record.count > 0);
        Self {
            plan: world.plan.clone(),
            began_at,
            elapsed,
            ended,
            preparation,
            journeys: Journeys::new(counts),
            steps: steps
                .map(|(step, step_record)| StepReport {
                    step: *step,
                    measured: Measured::new(step_record, elapsed),
                })
                .collect(),
            total: Measured::new(&records.total, elapsed),
            failures: kind_counts(&records.failures),
            refusals: kind_counts(&records.refusals),
            wrong_answers: WrongAnswers::new(&records),
            orders: Orders::from_book(&book),
            releases: records.releases.clone(),
            book,
        }
    }

    /// Number of wrong answers, before and under load.
    pub fn wrong_count(&self) -> u64 {
        self.preparation.wrong_answers.count + self.wrong_answers.count
    }

    /// Share of requests that failed, 0 to 1.
    pub fn failed_share(&self) -> f64 {
        self.total.failed as f64 / (self.total.count as f64).max(1.0)
    }
}

impl Preparation {
    pub(crate) fn new(duration: Duration, accounts: u32, records: &Records) -> Self {
        Self {
            duration,
            accounts,
            failures: kind_counts(&records.failures),
            wrong_answers: WrongAnswers::new(records),
        }
    }
}

fn as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}
