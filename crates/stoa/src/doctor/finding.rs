//! One thing that `stoa doctor` checks.

/// One checked thing.
pub(super) struct Finding {
    pub(super) state: State,
    pub(super) what: &'static str,
    pub(super) detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    Missing,
    /// Missing, and not needed either.
    Optional,
}

impl Finding {
    /// Needed: what is there, or what is missing and how to get it.
    pub(super) fn needed(what: &'static str, result: Result<String, String>) -> Self {
        let (state, detail) = match result {
            Ok(detail) => (State::Ok, detail),
            Err(detail) => (State::Missing, detail),
        };
        Self {
            state,
            what,
            detail,
        }
    }

    /// Missing, and not needed.
    pub(super) fn optional(what: &'static str, detail: impl Into<String>) -> Self {
        Self {
            state: State::Optional,
            what,
            detail: detail.into(),
        }
    }
}
