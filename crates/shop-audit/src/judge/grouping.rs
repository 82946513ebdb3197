//! Records by the record that they belong to.

use std::collections::HashMap;
use std::hash::Hash;

/// Records by key.
pub(super) type Groups<'a, K, T> = HashMap<K, Vec<&'a T>>;

/// `records` by `key`.
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

/// The records of `key`, which may be none.
pub(super) fn group<'b, 'a, K: Hash + Eq, T>(groups: &'b Groups<'a, K, T>, key: &K) -> &'b [&'a T] {
    groups.get(key).map_or(&[], Vec::as_slice)
}
