//! Deserialization of JSON members that must not be absent.

use serde::{Deserialize, Deserializer};

/// Deserializes a member that may be null but not absent.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}
