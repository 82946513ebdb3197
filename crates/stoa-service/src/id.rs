//! Identifiers are UUIDs of version 7 (RFC 9562), so they sort by creation time.

use uuid::Uuid;

use crate::invalid::Invalid;
use crate::text::shorten;

/// A new identifier.
pub fn new() -> Uuid {
    Uuid::now_v7()
}

/// Reads an identifier. In an error, `field` is the name of the field.
pub fn parse(field: &str, value: &str) -> Result<Uuid, Invalid> {
    // `try_parse` also accepts UUIDs in braces or with `urn:`, but the shop accepts one spelling only.
    match Uuid::try_parse(value) {
        Ok(id) if value.len() == 36 && value == id.as_hyphenated().to_string() => Ok(id),
        _ => Err(Invalid::new(format!(
            "{field}: `{}` is not a UUID in lower case with hyphens",
            shorten(value)
        ))),
    }
}
