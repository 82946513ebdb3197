//! Attacks on the shop, over HTTP, and over sockets where the attack needs invalid HTTP.
//!
//! - `slow.rs`: requests that never end, heads that are too long, silent connections.
//! - `strangers.rs`: no user sees or changes another user's data, operation by operation.
//! - `secrets.rs`: no secret is ever printed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fixture that fails is to fail the test that uses it"
)]

#[path = "../customer.rs"]
mod customer;
mod secrets;
mod slow;
mod strangers;
