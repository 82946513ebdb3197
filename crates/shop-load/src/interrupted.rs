//! The reasons why a journey ends early.

use crate::failure::Failure;

/// The reason why a journey ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// The run ended.
    RunEnded,
    /// A request failed. The failure is already recorded.
    Failed,
}

impl From<Failure> for Interrupted {
    fn from(_: Failure) -> Self {
        Self::Failed
    }
}
