//! Packs a Spin application as the OCI artifact that Spin and SpinKube run. The crate stoa-image stores the artifact in a folder, and
//! pushes it to a registry.
//!
//! Read [`pack`] (`pack.rs`) next: it defines the layers of an artifact, and gives the same digest on every machine. `locked.rs` has
//! the locked application, which is the layer that describes the application. [`Unbuilt`] (`unbuilt.rs`) reports components that
//! must be built first. This crate does not run applications; stoa-runtime does.
#![forbid(unsafe_code)]

mod locked;
mod pack;
mod unbuilt;

pub use pack::{PackError, PackedApp, pack};
pub use unbuilt::Unbuilt;
