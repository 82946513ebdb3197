//! Parses durations as people write them: `500ms`, `30s`, `5m`, `24h`.

use std::time::Duration;

/// The shortest permitted duration. A shorter timer would keep the machine busy, and a request with a shorter timeout would always
/// fail.
const SHORTEST: Duration = Duration::from_millis(10);
/// The longest permitted duration. A longer duration is usually a mistake, because requests, load runs and certificates last
/// minutes or hours.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a text is not accepted as a duration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadDuration {
    /// The text is not in the format of a duration.
    #[error("expected a duration such as 500ms, 30s, 5m or 24h: {0}")]
    Malformed(#[from] humantime::DurationError),
    /// The duration is too short or too long.
    #[error("expected a duration from 10ms to 24h, such as 500ms, 30s or 5m")]
    OutOfRange,
}

/// Parses a duration from 10 ms to 24 h, in a format of the crate humantime.
///
/// # Errors
/// If the text is not a duration, or the duration is out of that range.
pub fn parse_duration(text: &str) -> Result<Duration, BadDuration> {
    let duration = humantime::parse_duration(text)?;
    (SHORTEST..=LONGEST)
        .contains(&duration)
        .then_some(duration)
        .ok_or(BadDuration::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_from_10_ms_to_24_h_are_parsed() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("2m", 120_000),
            ("1m 30s", 90_000),
            ("10ms", 10),
            ("24h", 86_400_000),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(text), Ok(duration), "{text}");
        }
        for text in ["", "5", "s", "-5s", "99999999999999999999s", "5x", "٣s"] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.starts_with("expected a duration such as"), "{error}");
        }
        for text in ["0s", "1ms", "25h"] {
            assert_eq!(parse_duration(text), Err(BadDuration::OutOfRange), "{text}");
        }
    }
}
