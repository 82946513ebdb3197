//! A value that breaks a rule.

/// A sentence for a person that names the field, the value and the expected form. As a problem it is 422 `invalid_value`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Invalid {
    /// `sentence` starts with the field: `lines[1].quantity: 0 is not between 1 and 99`.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}
