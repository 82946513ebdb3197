//! How each invariant is checked: a function of one look.

pub(crate) mod lateness;
pub(crate) mod money;
pub(crate) mod parcels;
pub(crate) mod reservations;
pub(crate) mod stock;

use std::collections::HashMap;
use std::hash::Hash;

use uuid::Uuid;

/// `order 0198...`
fn order(id: Uuid) -> String {
    format!("order {id}")
}

/// `records`, by what each is of.
fn by<'a, K: Hash + Eq, T>(records: &'a [T], key: impl Fn(&'a T) -> K) -> HashMap<K, Vec<&'a T>> {
    let mut by = HashMap::<K, Vec<&T>>::new();
    for record in records {
        by.entry(key(record)).or_default().push(record);
    }
    by
}

/// What is known of `key`, which may be nothing.
fn of<'b, 'a, K: Hash + Eq, T>(by: &'b HashMap<K, Vec<&'a T>>, key: &K) -> &'b [&'a T] {
    by.get(key).map_or(&[], Vec::as_slice)
}

/// `captured, refunded`, or `none`.
fn listed<T: std::fmt::Display>(things: impl IntoIterator<Item = T>) -> String {
    let words: Vec<_> = things.into_iter().map(|t| t.to_string()).collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}
