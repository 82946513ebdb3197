//! Reads a Spin manifest (version 2) into a fully validated [`App`].
//!
//! An unknown key, or one that the embedded runtime does not support, is a fault and never ignored. All faults of a file are
//! reported together, each with file, line, column and key.
//!
//! - `fault.rs`: faults and their places.
//! - `reader.rs`: walks a TOML table, keeps the place of every value, and reports the keys that were not read.
//! - `raw.rs` and `raw/`: the shape of the file, key by key. `raw/read.rs` and `raw/component.rs` show what a manifest may
//!   contain.
//! - `validate.rs` and `validate/`: turns that shape into an [`App`]: fills in templates, checks names and routes, selects
//!   components.
//! - `capability.rs`: what a dependency may inherit from its user.
//! - `spin_app.rs`: a release, as described by SpinKube's resource.
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

/// Changes to a manifest when an application starts.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Values of application variables; they override the manifest's defaults. A name that the manifest does not declare is a
    /// fault.
    pub variables: BTreeMap<String, String>,
    /// Values from the environment, by lower-case name. Undeclared names are ignored, because an environment is shared.
    pub environment: BTreeMap<String, String>,
    /// The components to run; `None` for all. Components that they are composed with are included.
    pub components: Option<Vec<String>>,
}

/// Size limit of a manifest, 1 MiB. A larger one is a mistake.
const MAX_BYTES: usize = 1 << 20;

/// Reads and validates the manifest at `path`; paths in it are resolved against its folder.
///
/// # Errors
/// All faults of the file together. [`Errors::unreadable`] is set if the file could not be read at all.
pub fn load(path: &Path, options: &LoadOptions) -> Result<App, Errors> {
    let bytes = std::fs::read(path).map_err(|error| Errors::from_io(path, error))?;
    parse(&bytes, path, options)
}

/// Like [`load`], for bytes that were already read. Faults name `path`, and relative paths start from its folder.
///
/// # Errors
/// All faults of the file together.
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
