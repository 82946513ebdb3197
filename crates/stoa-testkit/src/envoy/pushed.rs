//! The last configuration that was pushed to a filter.

use super::filter::Filter;

/// A filter with its last configuration, and the version of this configuration.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) filter: Filter,
    pub(super) version: u64,
}

impl Pushed {
    /// A filter at Envoy's start. The configuration that the filter then has is version 1.
    pub(super) fn first(filter: Filter) -> Self {
        Self { filter, version: 1 }
    }
}
