//! Functions for bytes that may not be UTF-8.

/// Splits `text` at the first byte that equals `at`, and returns the parts before and after this byte. (`slice::split_once` of std
/// is not stable.)
pub(crate) fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let index = text.iter().position(|b| *b == at)?;
    Some((text.get(..index)?, text.get(index + 1..)?))
}
