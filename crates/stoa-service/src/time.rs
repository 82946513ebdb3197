//! Instants as milliseconds since the Unix epoch (what the databases store), written as RFC 3339 in UTC.

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// The wall clock.
pub fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// `1766000000000` -> `2025-12-17T19:33:20Z`; the fraction only where there is one.
pub fn rfc3339(millis: Millis) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map(|t| t.to_string())
        .unwrap_or_else(|_| "out of range".to_owned())
}

/// Reads an RFC 3339 instant.
pub fn parse(text: &str) -> Option<Millis> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(|t| t.as_millisecond())
}
