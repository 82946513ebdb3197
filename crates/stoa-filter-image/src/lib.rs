//! Packs an Envoy Wasm filter as an OCI image, the way Istio's WasmPlugin fetches it, and pushes it to a registry.
//!
//! Read [`Image::pack`] next (`image.rs`): what the image holds, and why its digest is the same everywhere. [`Module`]
//! (`module.rs`) rejects files that Envoy would not load; [`layout`] (`layout.rs`) keeps images in a folder; [`push`]
//! (`push.rs`) sends one to a [`Destination`] (`destination.rs`) with [`Credentials`] (`credentials.rs`). This crate does not
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

/// `sha256:` and the hash of these bytes in hexadecimal.
fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}
