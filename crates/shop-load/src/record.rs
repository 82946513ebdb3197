//! Records what is measured: latencies in histograms, everything else in counts.

mod records;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::CreationError;

use crate::failure::{Failure, Reply};
use crate::step::Step;

pub use records::WrongAnswer;
pub(crate) use records::{Records, Tally};

/// Wrong answers that are kept as examples; all are counted.
const EXAMPLES: usize = 20;

/// The recorder that all customers share.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// In the open loop every latency counts, since a request is due at its time whatever its result.
    open: bool,
    records: Mutex<Records>,
    /// Requests in flight.
    in_flight: AtomicU64,
}

/// A request in flight, until this is dropped.
pub(crate) struct InFlight<'a>(&'a AtomicU64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Recorder {
    pub(crate) fn new(open: bool) -> Result<Self, CreationError> {
        Ok(Self {
            open,
            records: Mutex::new(Records::new()?),
            in_flight: AtomicU64::new(0),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Records> {
        // Counts are consistent after each statement, even if a thread panicked.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns everything recorded so far, and starts again at zero.
    pub(crate) fn take(&self) -> Result<Records, CreationError> {
        Ok(std::mem::replace(&mut *self.lock(), Records::new()?))
    }

    /// Counts a request as in flight.
    pub(crate) fn begin_request(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(&self.in_flight)
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts an answer of product, by its release.
    pub(crate) fn release(&self, release: &str) {
        *self.lock().releases.entry(release.to_owned()).or_default() += 1;
    }

    /// Records a request that ended `took` after it was due.
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
                Ok(Reply::Accepted(_)) => {}
                Ok(Reply::Refused(_)) => tally.refused += 1,
                Err(_) => tally.failed += 1,
            }
            if timed {
                tally.took.saturating_record(micros);
            }
        }
        match ended {
            Ok(Reply::Accepted(_)) => {}
            Ok(Reply::Refused(refusal)) => {
                let kind = (step, refusal.code.clone());
                *records.refusals.entry(kind).or_default() += 1;
            }
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
mod tests;
