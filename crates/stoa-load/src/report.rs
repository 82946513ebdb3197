//! What came out, for programs; [`crate::table`] has it for people.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::counts::Counts;
use crate::orders::{OrderRecord, Outcome};
use crate::plan::Plan;
use crate::record::{Records, Tally, WrongAnswer};
use crate::session::World;
use crate::step::Step;

/// A run's report. As JSON it has the members below, in snake_case; `docs/load.md` shows one.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was asked for, the seed included.
    pub plan: Plan,
    /// When customers came first, RFC 3339.
    #[serde(serialize_with = "text")]
    pub began_at: Timestamp,
    /// From then until the last answer.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// How it ended.
    pub ended: Ended,
    /// What was done before; its requests are in no other number.
    pub preparation: Preparation,
    /// How journeys went.
    pub journeys: Journeys,
    /// What was measured of each step that anybody took, in the order of [`Step::ALL`].
    pub steps: Vec<StepReport>,
    /// Of all together.
    pub total: Measured,
    /// What failed, by step and kind.
    pub failures: Vec<Kind>,
    /// What was refused, as it may be, by step and code.
    pub refusals: Vec<Kind>,
    /// Wrong answers under the load; `preparation` has those before it.
    pub wrong_answers: WrongAnswers,
    /// How orders ended.
    pub orders: Orders,
    /// Answers of product, by its release.
    pub releases: BTreeMap<String, u64>,
    /// Every order that was tried, in the order in which they were; not in the JSON.
    #[serde(skip)]
    pub book: Vec<OrderRecord>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// At its time.
    Duration,
    /// It was stopped, and what was under way was settled.
    Stopped,
    /// It was stopped, and what was under way was dropped.
    StoppedAtOnce,
}

/// What was done before customers came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preparation {
    /// How long it took.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
    /// Accounts that were made.
    pub accounts: u32,
    /// What failed.
    pub failures: Vec<Kind>,
    /// What was answered wrongly.
    pub wrong_answers: WrongAnswers,
}

/// How journeys went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Journeys {
    /// Of browsers.
    pub browsers: u64,
    /// Of buyers.
    pub buyers: u64,
    /// That came to their end.
    pub completed: u64,
    /// That were given up after a failure.
    pub failed: u64,
    /// That the end of the run came over.
    pub cut_short: u64,
    /// Customers of the open loop who found the most at work already, and waited. Their times count from when they came.
    pub waited: u64,
    /// The longest that any of the open loop waited to be let in.
    #[serde(rename = "longest_wait_seconds", serialize_with = "seconds")]
    pub longest_wait: Duration,
    /// Customers of the open loop who still waited at the end: each counts as a failure of the first step.
    pub not_begun: u64,
    /// Requests that were on their way when the run was stopped at once.
    pub cut_off: u64,
}

/// What was measured of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// Which.
    pub step: Step,
    /// Of it.
    #[serde(flatten)]
    pub measured: Measured,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Requests that ended, repeats included.
    pub count: u64,
    /// Requests a second of the whole run.
    pub per_second: f64,
    /// Answered with an expected no.
    pub refused: u64,
    /// Not answered, or not as they should be.
    pub failed: u64,
    /// Times of what was answered or timed out, and in the open loop of all else that ended, in microseconds.
    pub latency_us: Latency,
}

/// Percentiles, in microseconds, right to three digits. In the closed loop from when a request was sent, in the open loop
/// from when it was due, until all of the answer was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "percentiles speak for themselves")]
pub struct Latency {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

/// How often something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// Where.
    pub step: Step,
    /// `connect`, `timeout`, `reset`, `protocol`, `not begun`, `wrong answer`, or a status with its code as `503 unavailable`.
    pub kind: String,
    /// How often.
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

/// How orders ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// Paid and shipped.
    pub confirmed: u64,
    /// The card was declined.
    pub declined: u64,
    /// Not enough was in stock.
    pub out_of_stock: u64,
    /// Cancelled for want of a service.
    pub cancelled: u64,
    /// Answered with a no that nobody expects.
    pub refused: u64,
    /// Nobody said within the buyer's patience: the shop may have them or not.
    pub unknown: u64,
    /// How often an order was sent again, for want of an answer.
    pub repeats: u64,
    /// What the confirmed ones cost, in minor units by currency.
    pub money: BTreeMap<String, u128>,
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
            orders: Orders::new(&book),
            releases: records.releases.clone(),
            book,
        }
    }

    /// Wrong answers, before the load and under it.
    pub fn wrong(&self) -> u64 {
        self.preparation.wrong_answers.count + self.wrong_answers.count
    }

    /// The part of requests that failed, 0 to 1.
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

impl Journeys {
    fn new(counts: &Counts) -> Self {
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

impl Measured {
    fn new(tally: &Tally, elapsed: Duration) -> Self {
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
    fn new(records: &Records) -> Self {
        Self {
            count: records.wrong,
            examples: records.examples.clone(),
        }
    }
}

impl Orders {
    fn new(book: &[OrderRecord]) -> Self {
        let count = |outcome| book.iter().filter(|order| order.outcome == outcome).count() as u64;
        let mut money = BTreeMap::new();
        for total in book.iter().filter_map(|order| order.total.as_ref()) {
            *money.entry(total.currency.clone()).or_default() += u128::from(total.amount);
        }
        Self {
            confirmed: count(Outcome::Confirmed),
            declined: count(Outcome::Declined),
            out_of_stock: count(Outcome::OutOfStock),
            cancelled: count(Outcome::Cancelled),
            refused: count(Outcome::Refused),
            unknown: count(Outcome::Unknown),
            repeats: book
                .iter()
                .map(|o| u64::from(o.attempts.saturating_sub(1)))
                .sum(),
            money,
        }
    }
}

fn kinds(counted: &BTreeMap<(Step, String), u64>) -> Vec<Kind> {
    let kind = |((step, kind), count): (&(Step, String), &u64)| Kind {
        step: *step,
        kind: kind.clone(),
        count: *count,
    };
    counted.iter().map(kind).collect()
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}
