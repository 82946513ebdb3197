//! The progress of a run.

use std::time::Duration;

use crate::orders::Outcome;
use crate::world::World;

/// The phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Makes accounts.
    Preparing {
        /// Accounts that are made.
        done: u32,
        /// Accounts to make.
        of: u32,
    },
    /// Customers arrive.
    Running,
    /// The run ended, and some requests are still in flight.
    Settling,
}

/// The progress of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The phase.
    pub phase: Phase,
    /// Time since the load began.
    pub elapsed: Duration,
    /// Duration of the load.
    pub duration: Duration,
    /// Requests that ended.
    pub requests: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests with a wrong answer.
    pub wrong: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// 99th percentile of the latency.
    pub p99: Duration,
    /// Confirmed orders.
    pub confirmed: usize,
    /// Orders without a result.
    pub open: usize,
}

impl Progress {
    pub(crate) fn new<T>(world: &World<T>, phase: Phase, elapsed: Duration) -> Self {
        let orders = |outcome| {
            let book = world.book.lock();
            book.iter().filter(|order| order.outcome == outcome).count()
        };
        let (confirmed, open) = (orders(Outcome::Confirmed), orders(Outcome::Unknown));
        let records = world.record.lock();
        let total = &records.total;
        Self {
            phase,
            elapsed,
            duration: world.plan.duration,
            requests: total.count,
            failed: total.failed,
            wrong: records.wrong,
            in_flight: world.record.in_flight(),
            p99: Duration::from_micros(total.took.value_at_quantile(0.99)),
            confirmed,
            open,
        }
    }
}
