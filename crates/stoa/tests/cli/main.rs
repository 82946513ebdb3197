//! Tests of the built program, as people and scripts use it. All tests are in one program, because each test program would link
//! wasmtime again:
//!
//! - `errors.rs`: errors that a command finds before an application runs;
//! - `running.rs`: a running application; `watching.rs`: components that are rebuilt while the application runs;
//! - `app.rs`: packing and pushing applications;
//! - `filter.rs`: packing and pushing filters; `overrides.rs`: overrides of filters; `shares.rs`: faults from `stoa fault set`;
//! - `reset.rs`: removal of data;
//! - `load.rs`: simulated customers; `audit.rs` and `audit_bounds.rs`: audits;
//! - `fixture.rs`: the application under test.
#![expect(
    clippy::unwrap_used,
    reason = "a failure of the fixture must fail the test that uses it"
)]

mod app;
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
