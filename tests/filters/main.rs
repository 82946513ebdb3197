//! The shop's Envoy filters as they are built: in the filter host, and in a real Envoy.
//!
//! One program for all, since each would link wasmtime anew. Their rules are tested natively, beside them in `filters/`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what cannot be set up fails the test that needs it"
)]

mod adding;
mod canary_router;
mod canary_router_in_envoy;
mod fuzz;
mod payment_fault;
mod payment_fault_in_envoy;
mod plugins;
mod read_only;
