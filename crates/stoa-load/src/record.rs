//! What was measured so far: times in histograms, everything else in counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};
use serde::Serialize;

use crate::answer::{Failure, Reply};
use crate::step::Step;

/// The longest time that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Times are right to this many digits.
const DIGITS: u8 = 3;
/// Wrong answers that are kept as examples; all are counted.
const EXAMPLES: usize = 20;

/// A wrong answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrongAnswer {
    /// The step.
    pub step: Step,
    /// What is wrong with it.
    pub what: String,
    /// Under which the shop's logs have it.
    pub request_id: Option<String>,
}

/// One step, or all together.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    /// Microseconds.
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

/// All that is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    pub(crate) steps: BTreeMap<Step, Tally>,
    pub(crate) total: Tally,
    pub(crate) failures: BTreeMap<(Step, String), u64>,
    pub(crate) refusals: BTreeMap<(Step, String), u64>,
    /// Answers of product by its release.
    pub(crate) releases: BTreeMap<String, u64>,
    pub(crate) wrong: u64,
    pub(crate) examples: Vec<WrongAnswer>,
}

impl Records {
    fn new() -> Result<Self, CreationError> {
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

/// Where customers record, all at the same time.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// In the open loop a request was due at its time, whatever became of it: every wait counts.
    open: bool,
    records: Mutex<Records>,
    /// Requests that are on their way.
    going: AtomicU64,
}

/// A request on its way, until it is dropped.
pub(crate) struct Going<'a>(&'a AtomicU64);

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Recorder {
    pub(crate) fn new(open: bool) -> Result<Self, CreationError> {
        Ok(Self {
            open,
            records: Mutex::new(Records::new()?),
            going: AtomicU64::new(0),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Records> {
        // Counts are whole after each statement, whoever panicked.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was recorded up to now; from here on it begins anew.
    pub(crate) fn take(&self) -> Result<Records, CreationError> {
        Ok(std::mem::replace(&mut *self.lock(), Records::new()?))
    }

    pub(crate) fn going(&self) -> Going<'_> {
        self.going.fetch_add(1, Ordering::Relaxed);
        Going(&self.going)
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.going.load(Ordering::Relaxed)
    }

    /// A product's answer came from this release.
    pub(crate) fn release(&self, release: &str) {
        *self.lock().releases.entry(release.to_owned()).or_default() += 1;
    }

    /// A request that ended, `took` after it was due.
    pub(crate) fn ended<T>(
        &self,
        step: Step,
        took: Duration,
        ended: Result<&Reply<T>, &Failure>,
        request_id: Option<&str>,
    ) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let timed = self.open || ended.map_or_else(Failure::is_timed, |_| true);
        let mut records = self.lock();
        let records = &mut *records;
        for tally in records
            .steps
            .get_mut(&step)
            .into_iter()
            .chain([&mut records.total])
        {
            tally.count += 1;
            match ended {
                Ok(Reply::Yes(_)) => {}
                Ok(Reply::No(_)) => tally.refused += 1,
                Err(_) => tally.failed += 1,
            }
            if timed {
                tally.took.saturating_record(micros);
            }
        }
        match ended {
            Ok(Reply::Yes(_)) => {}
            Ok(Reply::No(no)) => *records.refusals.entry((step, no.code.clone())).or_default() += 1,
            Err(failure) => {
                let kind = (step, failure.to_string());
                *records.failures.entry(kind).or_default() += 1;
                if let Failure::Wrong(what) = failure {
                    records.wrong += 1;
                    if records.examples.len() < EXAMPLES {
                        records.examples.push(WrongAnswer {
                            step,
                            what: what.clone(),
                            request_id: request_id.map(str::to_owned),
                        });
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Refusal;
    use crate::transport::NoAnswer;

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn times_are_right_to_three_digits_and_percentiles_count_from_below() {
        let record = Recorder::new(false).unwrap();
        for n in 1..=1_000 {
            record.ended(Step::List, millis(n), Ok(&Reply::Yes(())), None);
        }
        let records = record.lock();
        let took = &records.steps[&Step::List].took;
        for (quantile, millis) in [(0.5, 500), (0.9, 900), (0.99, 990), (0.999, 999)] {
            let micros = took.value_at_quantile(quantile);
            assert!(
                micros.abs_diff(millis * 1_000) <= millis,
                "{quantile}: {micros}"
            );
        }
        assert!(took.max().abs_diff(1_000_000) <= 1_000);
        assert_eq!(records.total.took.len(), 1_000);
        assert_eq!(records.steps[&Step::Order].count, 0);
    }

    #[test]
    fn what_went_wrong_is_counted_by_kind_and_kept_as_an_example() {
        let record = Recorder::new(false).unwrap();
        let no = Refusal {
            status: 402,
            code: "payment_declined".to_owned(),
            order_id: None,
            retry_after: None,
        };
        record.ended(Step::Order, millis(1), Ok(&Reply::<()>::No(no)), None);
        let gone = Failure::NoAnswer(NoAnswer::Connect("refused".to_owned()));
        let late = Failure::NoAnswer(NoAnswer::Timeout);
        let failed = |failure: &Failure| {
            record.ended::<()>(Step::Order, millis(9), Err(failure), Some("r-1"))
        };
        failed(&gone);
        failed(&late);
        for n in 0..30 {
            failed(&Failure::Wrong(format!("no. {n}")));
        }
        let records = record.lock();
        let order = &records.steps[&Step::Order];
        assert_eq!((order.count, order.refused, order.failed), (33, 1, 32));
        assert_eq!(
            order.took.len(),
            32,
            "a shop that is gone at once has no time"
        );
        let count = |kind: &str| records.failures[&(Step::Order, kind.to_owned())];
        assert_eq!(
            (count("connect"), count("timeout"), count("wrong answer")),
            (1, 1, 30)
        );
        assert_eq!((records.wrong, records.examples.len()), (30, EXAMPLES));
        assert_eq!(records.examples[0].what, "no. 0");
        assert_eq!(records.examples[0].request_id.as_deref(), Some("r-1"));
    }

    #[test]
    fn in_the_open_loop_every_time_counts() {
        let record = Recorder::new(true).unwrap();
        let gone = Failure::NoAnswer(NoAnswer::Reset("cut".to_owned()));
        record.ended::<()>(Step::List, millis(3_000), Err(&gone), None);
        let records = record.lock();
        assert_eq!((records.total.failed, records.total.took.len()), (1, 1));
        assert!(records.total.took.max() >= 3_000_000);
    }

    #[test]
    fn it_begins_anew_and_forgets_nothing_that_is_on_its_way() {
        let record = Recorder::new(false).unwrap();
        let going = record.going();
        record.ended(Step::List, millis(1), Ok(&Reply::Yes(())), None);
        assert_eq!(record.take().unwrap().total.count, 1);
        assert_eq!(record.lock().total.count, 0);
        assert_eq!(record.in_flight(), 1);
        drop(going);
        assert_eq!(record.in_flight(), 0);
    }
}
