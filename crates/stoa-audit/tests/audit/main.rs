//! The auditor before a shop that the test plays (`shop.rs`): one that is right, one that is wrong in exactly one point
//! (`breaches.rs`), one that moves (`moving.rs`), and one that does not answer as it should (`unreadable.rs`).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test cannot read fails it"
)]

mod breaches;
mod moving;
mod shop;
mod unreadable;
mod watching;
