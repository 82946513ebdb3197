//! The result of a check.

/// The result of a check. The error describes the wrong content of the response.
pub(crate) type CheckResult = Result<(), String>;

/// Returns the error `describe()` unless `condition` is true.
pub(super) fn ensure(condition: bool, describe: impl FnOnce() -> String) -> CheckResult {
    if condition { Ok(()) } else { Err(describe()) }
}
