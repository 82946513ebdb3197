//! The configuration that a filter has.

use super::filter::Filter;

/// The configuration that was written last.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) filter: Filter,
    pub(super) version: u64,
}

impl Pushed {
    /// The one that Envoy starts with.
    pub(super) fn first(filter: Filter) -> Self {
        Self { filter, version: 1 }
    }
}
