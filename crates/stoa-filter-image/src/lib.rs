//! Packs an Envoy Wasm filter as an OCI image that Istio's WasmPlugin can fetch. The crate stoa-image stores the image in a folder,
//! and pushes it to a registry.
//!
//! Read [`pack`] (`image.rs`) next: it defines the content of an image, and gives the same digest on every machine. [`Module`]
//! (`module.rs`) rejects files that Envoy would not load. This crate does not run filters; stoa-filter-host does.
#![forbid(unsafe_code)]

mod image;
mod module;

pub use image::{Labels, WrongLabel, pack};
pub use module::{Module, NotAFilter};
