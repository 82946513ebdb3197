//! Tests of the auditor with a simulated shop (`shop.rs`, served over HTTP by `served.rs`):
//! - `breaches.rs`: a sound shop, and shops with exactly one breach;
//! - `tolerated.rs`: a shop with short delays, which are not a breach;
//! - `moving.rs`: a shop that changes during the audit;
//! - `unreadable.rs`: a shop whose responses are missing, rejected or invalid;
//! - `watching.rs`: audits at an interval.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "invalid data must fail the test"
)]

mod breaches;
mod moving;
mod served;
mod shop;
mod tolerated;
mod unreadable;
mod watching;
