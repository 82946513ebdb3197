//! Shortens values that errors quote.

/// Cuts a value after 64 characters, to quote it in an error. `...` marks the cut.
pub fn shorten(value: &str) -> String {
    match value.char_indices().nth(64) {
        Some((end, _)) => format!("{}...", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}
