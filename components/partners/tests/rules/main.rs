//! The third parties' routes over a real SQLite: the responses that the shop gets, and the records afterwards.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test cannot read fails it"
)]

mod carrier;
mod messages;
mod processor;
mod scripts;
mod street;
