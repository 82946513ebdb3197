//! For tests of a whole application: starts `stoa up` as a separate process, calls it over HTTP, stops or kills it, and starts
//! it again with the same data.
//!
//! [`Shop`] is the process (`shop.rs`). [`Client`] calls it (`client.rs`) and checks its responses against the OpenAPI documents
//! (`contract.rs`). [`Stub`] replaces a neighbour (`stub.rs`). [`envoy`] is a real Envoy for tests of filters; [`mesh`] covers the shop's
//! own Envoys. `trace.rs` has the headers that are propagated. [`wait_until`] waits for a condition, and [`at_once`] runs work
//! concurrently (`wait.rs`). This crate builds nothing: `built.rs` fails a test whose .wasm is missing or older than its sources.
#![expect(
    clippy::panic,
    reason = "a fixture that fails is to fail the test that uses it"
)]
#![forbid(unsafe_code)]

mod built;
mod client;
mod contract;
pub mod envoy;
pub mod mesh;
mod shop;
mod stub;
mod trace;
mod wait;

pub use built::{filter, program};
pub use client::{Answer, Check, Client, Request};
pub use contract::contract;
pub use shop::{SERVICES, Shop, ShopOptions};
pub use stub::{Play, Seen, Stub, nobody};
pub use trace::{REQUEST_ID, TRACE_ID};
pub use wait::{at_once, wait_for, wait_until};

/// The root of the workspace.
pub fn workspace() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
