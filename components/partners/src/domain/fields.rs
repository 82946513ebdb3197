//! Rules for fields of several third parties.

use stoa_service::Invalid;
use stoa_service::text::shorten;

/// The shop's reference of a charge or a parcel: 1 to 64 of `A-Z a-z 0-9 - _ .`.
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

/// A text of 1 to `longest` characters, as JSON Schema counts them.
pub fn check_text(field: &str, text: &str, longest: usize) -> Result<(), Invalid> {
    let length = text.chars().count();
    if (1..=longest).contains(&length) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "{field}: {length} characters given, expected 1 to {longest}"
    )))
}
