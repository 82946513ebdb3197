//! The built program, as people and scripts meet it: `overrides.rs` has filters that are set, `reset.rs` data that is removed.
//!
//! One test program, since each one links wasmtime: `errors.rs` has what goes wrong before anything runs, `running.rs`
//! what happens after, `watching.rs` components that change meanwhile, `filter.rs` what is done with filters, `shares.rs` what `stoa fault set`
//! injects, `load.rs` customers, `audit.rs` and `audit_bounds.rs` audits, `fixture.rs` the application they use.
#![expect(
    clippy::unwrap_used,
    reason = "a fixture that fails is to fail the test that uses it"
)]

mod audit;
mod audit_bounds;
mod errors;
mod filter;
mod fixture;
mod load;
mod overrides;
mod reset;
mod running;
mod shares;
mod watching;
