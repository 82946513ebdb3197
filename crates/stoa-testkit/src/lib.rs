//! Tools for tests of a whole application. The tools start `stoa up` as a separate process, send HTTP requests, stop or kill the
//! process, and start it again with the same data.
//!
//! - [`Shop`] is the process (`shop.rs`). [`Client`] sends requests (`client.rs`), and checks the responses against the OpenAPI
//!   documents (`contract.rs`). `trace.rs` has the headers that services must copy to their own requests.
//! - [`Stub`] replaces a service that the tested service calls (`stub.rs`).
//! - [`TlsPostgres`] is a PostgreSQL server that requires TLS and passwords (`tls_postgres.rs`).
//! - [`envoy`] runs a real Envoy for tests of filters. [`mesh`] gives access to the Envoys of a shop's mesh.
//! - [`Registry`] is Docker's registry for images (`registry.rs`).
//! - [`wait_until`] waits for a condition, and [`at_once`] runs work concurrently (`wait.rs`).
//! - `built.rs` fails a test whose .wasm files are missing or older than their sources. This crate does not build them.
#![expect(
    clippy::panic,
    reason = "a failure of the fixture must fail the test that uses it"
)]
#![forbid(unsafe_code)]

mod built;
mod client;
mod contract;
pub mod envoy;
pub mod mesh;
mod registry;
mod shop;
mod stub;
mod tls_postgres;
mod trace;
mod wait;

pub use built::{filter, program};
pub use client::{Answer, Check, Client, Request};
pub use contract::contract;
pub use registry::Registry;
pub use shop::{SERVICES, Shop, ShopOptions};
pub use stub::{Stub, StubRequest, StubResponse, unreachable_url};
pub use tls_postgres::TlsPostgres;
pub use trace::{REQUEST_ID, TRACE_ID};
pub use wait::{at_once, wait_for, wait_until};

/// The root of the workspace.
pub fn workspace() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
