//! The progress of a run.

use std::time::Duration;

use crate::orders::Outcome;
use crate::world::World;

/// The phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Accounts are created.
    Preparing {
        /// Number of accounts that were created so far.
        done: u32,
        /// Number of accounts to create.
        total: u32,
    },
    /// Customers arrive.
    Running,
    /// The planned duration is over, and some requests are still in flight.
    Settling,
}

/// The progress of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The current phase.
    pub phase: Phase,
    /// Time since the load began.
    pub elapsed: Duration,
    /// Planned duration of the load.
    pub duration: Duration,
    /// Number of requests that ended.
    pub requests: u64,
    /// Number of requests that failed.
    pub failed: u64,
    /// Number of requests with a wrong answer.
    pub wrong: u64,
    /// Number of requests in flight.
    pub in_flight: u64,
    /// 99th percentile of the latency.
    pub p99: Duration,
    /// Number of confirmed orders.
    pub confirmed: usize,
    /// Number of orders without a result.
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
            p99: Duration::from_micros(total.latencies.value_at_quantile(0.99)),
            confirmed,
            open,
        }
    }
}
