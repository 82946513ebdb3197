//! Panics if a file, a socket or a process of the test itself fails.

/// Returns the value of `result`. If `result` is an error, panics with the text `failure`, such as "cannot create a log", and with
/// the error.
#[track_caller]
pub(super) fn must<T>(failure: &str, result: std::io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{failure}: {error}"),
    }
}
