//! Tests of connections to a PostgreSQL server that requires TLS and passwords. `stoa up` runs in a process of its own, because the
//! environment variables SSL_CERT_FILE and SSL_CERT_DIR apply to a whole process.
//!
//! - `connections.rs`: what a component and the log contain for each failed connection, and that the next connection succeeds once
//!   the cause is removed. `application.rs` is the application of these tests: a component that runs SQL.
//! - `shop.rs`: the shop's responses while its database rejects connections.
//!
//! `tests/journey.rs` tests a customer's whole journey with such a server.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failure in the test's setup must fail the test"
)]

mod application;
mod connections;
mod shop;
