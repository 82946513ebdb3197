//! The current configuration of a filter.

use super::filter::Filter;

/// The last configuration that was written.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) filter: Filter,
    pub(super) version: u64,
}

impl Pushed {
    /// The configuration at Envoy's start.
    pub(super) fn first(filter: Filter) -> Self {
        Self { filter, version: 1 }
    }
}
