//! Runs the guests in `guests/` and sends them real HTTP requests. Each area has a module. `support.rs` starts apps and sends the
//! requests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy.toml allows these lints in tests; this attribute also allows them in the helpers of the tests"
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
mod standalone;
mod stop;
mod support;
mod variables;
