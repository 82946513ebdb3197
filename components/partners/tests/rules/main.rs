//! Tests of the third parties' routes with a real database: the responses that the shop gets, and the records that are stored.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an unexpected value must fail the test"
)]

mod carrier;
mod messages;
mod processor;
mod scripts;
mod third_parties;
