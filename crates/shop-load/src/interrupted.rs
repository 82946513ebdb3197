//! Why a journey ends early.

use crate::failure::Failure;

/// Why a journey ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// The run ended.
    RunEnded,
    /// A request failed, which is recorded.
    Failed,
}

impl From<Failure> for Interrupted {
    fn from(_: Failure) -> Self {
        Self::Failed
    }
}
