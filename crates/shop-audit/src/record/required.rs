//! Members that a response must have.

use serde::{Deserialize, Deserializer};

/// A member that may be null but not absent.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}
