//! OCI images: stores an image in a folder, and pushes an image to a registry. This crate does not define the content of an image;
//! stoa-filter-image and stoa-app-image do.
//!
//! Read [`Image`] (`image.rs`) next. [`layout`] (`layout.rs`) stores images in a folder. [`push`] (`push.rs`) sends an image to a
//! [`Destination`] (`destination.rs`) with [`Credentials`] (`credentials.rs`).
#![forbid(unsafe_code)]

mod credentials;
mod destination;
mod image;
pub mod layout;
mod push;

pub use credentials::{Credentials, CredentialsError};
pub use destination::{Destination, WrongDestination};
pub use image::{Blob, Image, digest};
pub use push::{Progress, PushError, Pushed, push};
