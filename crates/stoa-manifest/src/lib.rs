//! Reads a Spin manifest (version 2) into an [`App`] in which nothing can be wrong any more.
//!
//! A key that is unknown, or that the embedded runtime does not support, is a fault, never ignored; all faults of a
//! file are reported together, each with file, line, column and key.
//!
//! - `fault.rs`: what went wrong and where.
//! - `reader.rs`: walks a TOML table, keeps the place of everything, and reports the keys that were not read.
//! - `raw.rs` and `raw/`: the shape of the file, key by key. Read `raw/read.rs` and `raw/component.rs` to see what a manifest may contain.
//! - `validate.rs` and `validate/`: from that shape to an [`App`]: templates filled in, names and routes checked, components selected.
//! - `capability.rs`: what a dependency may inherit from its user.
//! - `spin_app.rs`: a release as SpinKube's resource describes it.
//! - `route.rs`, `host.rs`, `template.rs`, `name.rs`: the small grammars.
#![forbid(unsafe_code)]

mod app;
mod capability;
mod fault;
mod host;
mod name;
mod raw;
mod reader;
mod route;
mod spin_app;
mod template;
mod validate;

use std::collections::BTreeMap;
use std::path::Path;

pub use app::{App, Build, Component, Dependency, DependencySource, Route, RoutePath};
pub use capability::Capability;
pub use fault::{Errors, Fault, Place};
pub use host::{AllowedHost, BadHost};
pub use spin_app::{BadSpinApp, SpinApp};

/// What a start may change about a manifest.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Values of application variables that win over the manifest's defaults. A name the manifest does not declare is a
    /// fault.
    pub variables: BTreeMap<String, String>,
    /// The same from the environment, by lower-case name: undeclared ones are ignored, since an environment is shared.
    pub environment: BTreeMap<String, String>,
    /// The components to run, or `None` for all. What they depend on by composition comes along.
    pub components: Option<Vec<String>>,
}

/// A manifest larger than this is a mistake: 1 MiB.
const MAX_BYTES: usize = 1 << 20;

/// Reads and validates the manifest at `path`; paths in it are resolved against its folder.
///
/// # Errors
/// Every fault of the file together. [`Errors::unreadable`] is there where the file could not be read at all.
pub fn load(path: &Path, options: &LoadOptions) -> Result<App, Errors> {
    let bytes = std::fs::read(path).map_err(|error| Errors::from_io(path, error))?;
    parse(&bytes, path, options)
}

/// As [`load`], from bytes already read; `path` is what the faults name and what relative paths start from.
///
/// # Errors
/// Every fault of the file together.
pub fn parse(bytes: &[u8], path: &Path, options: &LoadOptions) -> Result<App, Errors> {
    let faults = fault::Faults::new(path, bytes);
    let app = if bytes.len() > MAX_BYTES {
        faults.push(
            None,
            "",
            format!("is {} bytes long, more than {MAX_BYTES}", bytes.len()),
        );
        None
    } else {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                raw::read(text, &faults).and_then(|raw| validate::app(raw, path, options, &faults))
            }
            Err(error) => {
                faults.push(Some(error.valid_up_to()), "", "is not UTF-8 from here on");
                None
            }
        }
    };
    faults.finish(app)
}
