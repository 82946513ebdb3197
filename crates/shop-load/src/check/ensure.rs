//! The result of a check.

/// What is wrong with an answer.
pub(crate) type Checked = Result<(), String>;

/// Fails with `wrong()` unless `holds`.
pub(super) fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(wrong()) }
}
