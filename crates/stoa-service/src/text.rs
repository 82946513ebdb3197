//! Text quoted in errors.

/// At most 64 characters of a value, to quote it in an error.
pub fn shorten(value: &str) -> String {
    match value.char_indices().nth(64) {
        Some((end, _)) => format!("{}...", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}
