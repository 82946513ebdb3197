//! The auditor and a simulated shop (`shop.rs`, served by `served.rs`): sound, wrong in exactly one point (`breaches.rs`) or a little late
//! (`tolerated.rs`), moving (`moving.rs`), and answering against its interface (`unreadable.rs`). `watching.rs`: audits at an interval.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "unreadable data fails the test"
)]

mod breaches;
mod moving;
mod served;
mod shop;
mod tolerated;
mod unreadable;
mod watching;
