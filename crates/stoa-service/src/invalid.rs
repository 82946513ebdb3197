//! The error for a value that breaks a rule.

/// The error for a value that breaks a rule. Its sentence names the field, the value and the expected form. The response is 422
/// with the code `invalid_value`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Invalid {
    /// `sentence` starts with the field, as in `lines[1].quantity: 0 is not between 1 and 99`.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}
