//! Tests of the routes of both releases of `product` with a real SQLite database.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic fails the test, which is intended"
)]

mod buying;
mod dependencies;
mod listing;
mod shop;
