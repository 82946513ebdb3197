//! How far a run is.

use std::time::Duration;

use crate::orders::Outcome;
use crate::session::World;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Accounts are made.
    Preparing {
        /// So many are.
        done: u32,
        /// Of so many.
        of: u32,
    },
    /// Customers come.
    Running,
    /// The end is there, and some wait for their last answer.
    Settling,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Since customers came.
    pub elapsed: Duration,
    /// Of this.
    pub duration: Duration,
    /// Requests that ended.
    pub requests: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Of these, answered wrongly.
    pub wrong: u64,
    /// Requests on their way.
    pub in_flight: u64,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// Orders that were confirmed.
    pub confirmed: usize,
    /// Orders of which nobody has said how they went.
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
