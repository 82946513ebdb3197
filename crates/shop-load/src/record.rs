//! Records measurements: latencies in histograms, and the results of requests as counts.

mod records;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::CreationError;

use crate::failure::{Failure, Reply};
use crate::step::Step;

pub use records::WrongAnswer;
pub(crate) use records::{Records, StepRecord};

/// Number of wrong answers that are kept as examples. Further wrong answers are only counted.
const MAX_EXAMPLES: usize = 20;

/// The recorder that all customers share.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// True if the run is an open loop. An open loop counts the latencies of all requests, even of requests that fail.
    open_loop: bool,
    records: Mutex<Records>,
    /// Number of requests in flight.
    in_flight: AtomicU64,
}

/// Counts a request as in flight until the value is dropped.
pub(crate) struct InFlight<'a>(&'a AtomicU64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Recorder {
    pub(crate) fn new(open_loop: bool) -> Result<Self, CreationError> {
        Ok(Self {
            open_loop,
            records: Mutex::new(Records::new()?),
            in_flight: AtomicU64::new(0),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Records> {
        // The records are consistent after each statement, so the lock is used even if a thread panicked.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the records so far, and starts new records at zero. The number of requests in flight is not reset.
    pub(crate) fn reset(&self) -> Result<Records, CreationError> {
        Ok(std::mem::replace(&mut *self.lock(), Records::new()?))
    }

    /// Counts a request as in flight, until the returned value is dropped.
    pub(crate) fn begin_request(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(&self.in_flight)
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a response of the product service by its release, such as `v1`.
    pub(crate) fn count_release(&self, release: &str) {
        *self.lock().releases.entry(release.to_owned()).or_default() += 1;
    }

    /// Records the latency and the result of a request.
    pub(crate) fn record_request<T>(
        &self,
        step: Step,
        latency: Duration,
        result: Result<&Reply<T>, &Failure>,
        request_id: Option<&str>,
    ) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let timed = self.open_loop || result.map_or_else(Failure::is_timed, |_| true);
        let mut records = self.lock();
        let records = &mut *records;
        for step_record in records
            .steps
            .get_mut(&step)
            .into_iter()
            .chain([&mut records.total])
        {
            step_record.count += 1;
            match result {
                Ok(Reply::Accepted(_)) => {}
                Ok(Reply::Refused(_)) => step_record.refused += 1,
                Err(_) => step_record.failed += 1,
            }
            if timed {
                step_record.latencies.saturating_record(micros);
            }
        }
        match result {
            Ok(Reply::Accepted(_)) => {}
            Ok(Reply::Refused(refusal)) => {
                let kind = (step, refusal.code.clone());
                *records.refusals.entry(kind).or_default() += 1;
            }
            Err(failure) => {
                let kind = (step, failure.to_string());
                *records.failures.entry(kind).or_default() += 1;
                if let Failure::Wrong(error) = failure {
                    records.wrong += 1;
                    if records.examples.len() < MAX_EXAMPLES {
                        records.examples.push(WrongAnswer {
                            step,
                            error: error.clone(),
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
