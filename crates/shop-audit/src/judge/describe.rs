//! Texts for breaches.

use uuid::Uuid;

/// `order 0198...`
pub(super) fn order(id: Uuid) -> String {
    format!("order {id}")
}

/// `captured, refunded`, or `none`.
pub(super) fn list<T: std::fmt::Display>(things: impl IntoIterator<Item = T>) -> String {
    let words: Vec<_> = things.into_iter().map(|t| t.to_string()).collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}
