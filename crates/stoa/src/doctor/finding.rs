//! The result of one check of `stoa doctor`.

/// The result of one check, printed as one line.
pub(super) struct Finding {
    pub(super) state: State,
    pub(super) requirement: &'static str,
    pub(super) detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    Missing,
    /// Missing, but optional.
    Optional,
}

impl Finding {
    /// The result of checking a necessary program or resource. In `result`, `Ok` describes the program or resource that was found,
    /// and `Err` states which program or resource is missing and how to get it.
    pub(super) fn needed(requirement: &'static str, result: Result<String, String>) -> Self {
        let (state, detail) = match result {
            Ok(detail) => (State::Ok, detail),
            Err(detail) => (State::Missing, detail),
        };
        Self {
            state,
            requirement,
            detail,
        }
    }

    /// The result of checking an optional program or resource that is missing.
    pub(super) fn optional(requirement: &'static str, detail: impl Into<String>) -> Self {
        Self {
            state: State::Optional,
            requirement,
            detail: detail.into(),
        }
    }
}
