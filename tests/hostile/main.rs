//! Tests of attacks on the shop: over HTTP, or over sockets if the attack needs invalid HTTP.
//!
//! - `slow.rs`: requests that never end, heads that are too long, and idle connections.
//! - `strangers.rs`: in every operation, no user sees or changes another user's data.
//! - `secrets.rs`: no secret is printed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure in the test's setup must fail the test"
)]

#[path = "../customer.rs"]
mod customer;
mod secrets;
mod slow;
mod strangers;
