//! Built guests, run over real HTTP. Each area has a module; `support.rs` starts apps and sends requests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what these lints allow in tests, also in what the tests share"
)]

mod cache;
mod connection;
mod counter;
mod dependencies;
mod differences;
mod endings;
mod incoming;
mod inheritance;
mod key_value;
mod limits;
mod load;
mod outbound;
mod output;
mod postgres;
mod routing;
mod sqlite;
mod stop;
mod support;
mod variables;
