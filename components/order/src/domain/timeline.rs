//! The timeline of an order, which is its history.

use serde::Serialize;
use stoa_service::time::Millis;
use strum::{EnumString, IntoStaticStr};

use super::step_name::StepName;

/// One entry of the timeline: a step and its status. Repeated attempts at a step share one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name of a step or compensation, or `confirmed` or `cancelled`.
    pub step: StepName,
    /// The status of the step.
    pub status: EntryStatus,
    /// The time at which the step reached this status.
    pub at: Millis,
    /// An explanation for the customer.
    pub detail: Option<String>,
}

/// The status of a step in the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EntryStatus {
    /// The intent is written; the outcome is not known yet.
    Started,
    /// The last attempt had no final outcome; the step will be retried.
    Waiting,
    /// The step is completed.
    Done,
    /// For a step: it failed, so the saga compensates. For a compensation: it cannot undo its step, so the saga confirms the order.
    Failed,
}
