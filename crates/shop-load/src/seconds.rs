//! Serializes durations in JSON.

use std::time::Duration;

use serde::Serializer;

/// Serializes a duration as a number of seconds.
pub(crate) fn seconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
