//! Tests of packed applications. All tests are in one program, because each test program would link wasmtime again:
//!
//! - `small.rs`: the artifacts of small applications; `unbuilt.rs`: components that are missing or stale;
//! - `shop.rs`: the shop's artifact, compared with `spin.toml`;
//! - `pulled.rs`: the shop's artifact, pushed to Docker's registry, pulled again, and run;
//! - `spin.rs`: the shop's artifact, compared with the artifact of `spin registry push`;
//! - `artifact.rs`: reads an artifact; `written.rs`: writes an artifact back as an application.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure of the fixture must fail the test that uses it"
)]

mod artifact;
mod pulled;
mod shop;
mod small;
mod spin;
mod unbuilt;
mod written;
