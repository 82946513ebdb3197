//! The service's routes over a real SQLite: what a caller of either release sees.
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
