//! For tests of a whole application: starts `stoa up` as a process of its own, talks HTTP to it, stops or kills it,
//! and starts it again on the same data.
//!
//! [`Shop`] is the process (`shop.rs`), [`Client`] talks to it (`client.rs`), [`wait_until`] waits for what happens
//! later (`wait.rs`). Nothing is built here: `built.rs` fails a test whose .wasm is missing or older than its sources.
#![expect(
    clippy::panic,
    reason = "a fixture that fails is to fail the test that uses it"
)]
#![forbid(unsafe_code)]

mod built;
mod client;
mod shop;
mod wait;

pub use client::{Answer, Client, Request};
pub use shop::{Shop, ShopOptions};
pub use wait::{wait_for, wait_until};

/// The root of the workspace.
pub fn workspace() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
