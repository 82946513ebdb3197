//! Property tests of the services' parsers. No input causes a panic, and only valid values are accepted. No sum of money overflows
//! or is rounded. Each property has thousands of cases in `make test`, and a million cases in `make soak`.
//!
//! - `shared.rs`: parsers of all services: money, pages, times, settings, queries and JSON.
//! - `tokens.rs`, `cursors.rs`, `events.rs`: parsers of input from outside, with mutated valid input.
//! - `domains.rs`: parsers of single services.
//! - `sums.rs`: sums of money and units.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failure in the test's setup must fail the test"
)]

mod cursors;
mod domains;
mod events;
mod shared;
mod sums;
mod tokens;

use proptest::prelude::*;

/// The configuration of the property tests. `STOA_FUZZ_CASES` sets the number of cases per property (default 2,000).
fn config() -> ProptestConfig {
    let text = std::env::var("STOA_FUZZ_CASES").ok();
    let cases = text.map_or(2_000, |text| {
        text.parse().expect("STOA_FUZZ_CASES must be a number")
    });
    ProptestConfig {
        cases,
        // A failure prints the case, so proptest need not write a file beside the sources.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A valid text in which up to three parts are replaced by texts that match the regular expression `replacement`.
fn mutated(valid: &str, replacement: &'static str) -> impl Strategy<Value = String> + use<> {
    let chars: Vec<char> = valid.chars().collect();
    let edit = (any::<prop::sample::Index>(), 0..8_usize, replacement);
    proptest::collection::vec(edit, 0..=3).prop_map(move |edits| {
        let mut text = chars.clone();
        for (position, removed, inserted) in edits {
            let start = position.index(text.len() + 1);
            let end = (start + removed).min(text.len());
            text.splice(start..end, inserted.chars());
        }
        text.into_iter().collect()
    })
}
