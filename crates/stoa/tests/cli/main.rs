//! The built program, as people and scripts use it. It is one test program, since each one links wasmtime:
//!
//! - `errors.rs`: errors before anything runs;
//! - `running.rs`: a running application; `watching.rs`: components that change meanwhile;
//! - `filter.rs`: building and pushing filters; `overrides.rs`: filter settings; `shares.rs`: faults from `stoa fault set`;
//! - `reset.rs`: removal of data;
//! - `load.rs`: customers; `audit.rs` and `audit_bounds.rs`: audits;
//! - `fixture.rs`: the application that they use.
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
