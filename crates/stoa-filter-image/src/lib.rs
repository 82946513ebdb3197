//! Packs an Envoy Wasm filter as an OCI image that Istio's WasmPlugin can fetch, and pushes the image to a registry.
//!
//! Read [`Image::pack`] (`image.rs`) next: it defines the content of an image, and gives the same digest on every machine.
//! [`Module`] (`module.rs`) rejects files that Envoy would not load. [`layout`] (`layout.rs`) stores images in a folder. [`push`]
//! (`push.rs`) sends an image to a [`Destination`] (`destination.rs`) with [`Credentials`] (`credentials.rs`). This crate does not
//! run filters; stoa-filter-host does.
#![forbid(unsafe_code)]

mod credentials;
mod destination;
mod image;
pub mod layout;
mod module;
mod push;

pub use credentials::{Credentials, CredentialsError};
pub use destination::{Destination, WrongDestination};
pub use image::{Image, Labels, WrongLabel};
pub use module::{Module, NotAFilter};
pub use push::{Progress, PushError, Pushed, push};

use sha2::{Digest as _, Sha256};

/// The digest of `bytes`: `sha256:` and the hash in hexadecimal.
fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}
