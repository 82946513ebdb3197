//! The service's routes over a real SQLite, as a caller of either release sees them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test cannot read fails it"
)]

mod buying;
mod listing;
mod neighbours;
mod shop;
