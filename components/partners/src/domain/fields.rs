//! Rules for fields that several third parties share.

use stoa_service::Invalid;
use stoa_service::text::shorten;

/// Checks the shop's reference of a charge or a parcel: 1 to 64 characters of `A-Z a-z 0-9 - _ .`.
pub fn check_reference(reference: &str) -> Result<(), Invalid> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=64).contains(&reference.len()) && reference.bytes().all(allowed) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "reference: `{}` is not 1 to 64 letters, digits, `-`, `_` or `.`",
        shorten(reference)
    )))
}

/// Checks that a text has 1 to `max_length` characters, as JSON Schema counts them.
pub fn check_text(field: &str, text: &str, max_length: usize) -> Result<(), Invalid> {
    let length = text.chars().count();
    if (1..=max_length).contains(&length) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "{field}: has {length} characters, expected 1 to {max_length}"
    )))
}
