//! Every parser of the services accepts any input without a panic, and accepts only valid values; no sum of money wraps or
//! rounds. Thousands of cases each in `make test`, a million in `make soak`.
//!
//! - `shared.rs`: parsers of all services: money, pages, times, settings, queries, JSON.
//! - `tokens.rs`, `cursors.rs`, `events.rs`: input from strangers, mutated from valid input.
//! - `domains.rs`: parsers of single services.
//! - `sums.rs`: sums of money and units.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a fixture that fails is to fail the test that uses it"
)]

mod cursors;
mod domains;
mod events;
mod shared;
mod sums;
mod tokens;

use proptest::prelude::*;

/// Number of cases per property; `make soak` sets more.
fn config() -> ProptestConfig {
    let asked = std::env::var("STOA_FUZZ_CASES").ok();
    let cases = asked.map_or(2_000, |asked| {
        asked.parse().expect("STOA_FUZZ_CASES is a number")
    });
    ProptestConfig {
        cases,
        // A failure prints its case, so no file is written beside the sources.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// `good` with up to three parts of it replaced.
fn nearly(good: &str, paste: &'static str) -> impl Strategy<Value = String> + use<> {
    let chars: Vec<char> = good.chars().collect();
    let cut = (any::<prop::sample::Index>(), 0..8_usize, paste);
    proptest::collection::vec(cut, 0..=3).prop_map(move |cuts| {
        let mut text = chars.clone();
        for (place, drop, paste) in cuts {
            let start = place.index(text.len() + 1);
            let end = (start + drop).min(text.len());
            text.splice(start..end, paste.chars());
        }
        text.into_iter().collect()
    })
}
