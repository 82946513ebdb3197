//! The built program, as people and scripts meet it.
//!
//! One test program, since each one links wasmtime: `errors.rs` has what goes wrong before anything runs, `running.rs`
//! what happens after, `fixture.rs` the application they use.
#![expect(
    clippy::unwrap_used,
    reason = "a fixture that fails is to fail the test that uses it"
)]

mod errors;
mod fixture;
mod running;
