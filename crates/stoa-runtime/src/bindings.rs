//! The host's bindings for Spin's interfaces. build.rs generates them from the list in `host/interfaces.rs`.
#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    dead_code,
    unused_imports,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "build.rs generates this code"
)]
include!(concat!(env!("OUT_DIR"), "/spin.rs"));
