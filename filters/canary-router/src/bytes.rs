//! Bytes that need not be UTF-8.

/// The parts before and after the first `at`. (`slice::split_once` of std is not stable.)
pub(crate) fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let index = text.iter().position(|b| *b == at)?;
    Some((text.get(..index)?, text.get(index + 1..)?))
}
