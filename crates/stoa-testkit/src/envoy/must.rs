//! Failures of the fixture itself.

/// The value; panics with `what` if there is none.
#[track_caller]
pub(super) fn must<T>(what: &str, result: std::io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}
