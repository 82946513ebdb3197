//! The result of one check of `stoa doctor`.

/// The result of one check.
pub(super) struct Finding {
    pub(super) state: State,
    pub(super) what: &'static str,
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
    /// The result for something required: what was found, or what is missing and how to get it.
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

    /// The result for something optional that is missing.
    pub(super) fn optional(what: &'static str, detail: impl Into<String>) -> Self {
        Self {
            state: State::Optional,
            what,
            detail: detail.into(),
        }
    }
}
