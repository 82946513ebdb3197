//! Identifiers: UUIDv7 (RFC 9562), so that they sort by the time they were made.

use uuid::Uuid;

use crate::problem::Problem;

/// A new identifier.
pub fn new() -> Uuid {
    Uuid::now_v7()
}

/// Reads an identifier out of `field`, or says what is wrong with it (422).
pub fn parse(field: &str, value: &str) -> Result<Uuid, Problem> {
    // `try_parse` also takes braces and urn: forms; an identifier has one spelling here.
    match Uuid::try_parse(value) {
        Ok(id) if value.len() == 36 && value == id.as_hyphenated().to_string() => Ok(id),
        _ => Err(Problem::invalid(format!(
            "{field}: `{}` is not a UUID in lower case with hyphens",
            shorten(value)
        ))),
    }
}

/// At most 64 characters of a value, to quote it in an error.
pub fn shorten(value: &str) -> String {
    match value.char_indices().nth(64) {
        Some((end, _)) => format!("{}...", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}
