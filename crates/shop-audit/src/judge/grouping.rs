//! Groups records by a key, such as payments by the order's id.

use std::collections::HashMap;
use std::hash::Hash;

/// The records of each key.
pub(super) type Groups<'a, K, T> = HashMap<K, Vec<&'a T>>;

/// Groups `records` by `key`.
pub(super) fn group_by<'a, K: Hash + Eq, T>(
    records: &'a [T],
    key: impl Fn(&'a T) -> K,
) -> Groups<'a, K, T> {
    let mut groups = Groups::new();
    for record in records {
        groups.entry(key(record)).or_default().push(record);
    }
    groups
}

/// The records of `key`; empty for an unknown key.
pub(super) fn records_of<'b, 'a, K: Hash + Eq, T>(
    groups: &'b Groups<'a, K, T>,
    key: &K,
) -> &'b [&'a T] {
    groups.get(key).map_or(&[], Vec::as_slice)
}
