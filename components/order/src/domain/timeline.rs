//! The history of an order, line by line.

use serde::Serialize;
use stoa_service::time::Millis;
use strum::{EnumString, IntoStaticStr};

use super::step_name::StepName;

/// One line of the timeline: a step and how it went. Repeated attempts at one step share a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The step, the compensation, or `confirmed` or `cancelled`.
    pub step: StepName,
    /// How it went.
    pub status: EntryStatus,
    /// When it got this status.
    pub at: Millis,
    /// For the customer.
    pub detail: Option<String>,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EntryStatus {
    /// Its intent is written.
    Started,
    /// It will be tried again.
    Waiting,
    /// It is done.
    Done,
    /// It failed, and turned the order around.
    Failed,
}
