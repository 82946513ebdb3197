//! Timestamps of the shop's records.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(i64);

impl Instant {
    /// The current time of this machine's clock.
    pub(crate) fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// The time from `self` to `now`; zero if `self` is later.
    pub(crate) fn age(self, now: Self) -> Duration {
        let millis = now.0.saturating_sub(self.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => f.write_str("a timestamp out of range"),
        }
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let timestamp: jiff::Timestamp = text
            .parse()
            .map_err(|_| de::Error::custom(format!("`{text}` is not an RFC 3339 timestamp")))?;
        Ok(Self(timestamp.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Instant {
        serde_json::from_value(json!(text)).unwrap()
    }

    #[test]
    fn an_age_has_millisecond_precision_and_is_never_negative() {
        let then = at("2026-11-21T14:00:00.5Z");
        assert_eq!(then.to_string(), "2026-11-21T14:00:00.5Z");
        let now = at("2026-11-21T14:00:02Z");
        assert_eq!(then.age(now), Duration::from_millis(1500));
        assert_eq!(now.age(then), Duration::ZERO);
        assert!(serde_json::from_value::<Instant>(json!("noon")).is_err());
    }
}
