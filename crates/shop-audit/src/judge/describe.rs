//! Texts that describe records in breaches.

use uuid::Uuid;

/// Names an order: `order 0198...`.
pub(super) fn order_name(id: Uuid) -> String {
    format!("order {id}")
}

/// Joins values with commas, such as `captured, refunded`. Returns `none` if there is no value.
pub(super) fn comma_separated<T: std::fmt::Display>(values: impl IntoIterator<Item = T>) -> String {
    let words: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}
