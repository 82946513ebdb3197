//! The probe (`guests/probe`) in the host, one module per area: each further program would link wasmtime again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what these lints allow in tests, also in what the tests share"
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
