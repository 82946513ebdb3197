//! Tests of the host with the filter `guests/probe`. All tests are one program, because each further program would link wasmtime
//! again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy permits these in test functions, and the functions that tests share need the same"
)]

mod against_envoy;
mod bodies;
mod calls;
mod crashes;
mod life;
mod messages;
mod replies;
mod shared;
mod support;
