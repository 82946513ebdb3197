//! What the shop does with people who mean it no good, as they see it: over HTTP, and over sockets where HTTP has to be broken.
//!
//! - `slow.rs`: requests that never end, heads that are too long, connections that say nothing.
//! - `strangers.rs`: nobody sees or changes what is another's, operation by operation.
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
