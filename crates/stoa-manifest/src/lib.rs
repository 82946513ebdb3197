//! Reads a Spin manifest (version 2) into a fully validated [`App`].
//!
//! Unknown keys, and keys that the embedded runtime does not support, are errors. All errors in a manifest are reported together,
//! each with file, line, column and key.
//!
//! - `fault.rs`: the errors and their locations.
//! - `reader.rs`: reads a TOML table with the location of every value, and reports unknown keys.
//! - `raw.rs` and `raw/`: read the manifest into structs, key by key. `raw/read.rs` and `raw/component.rs` list the supported keys.
//! - `validate.rs` and `validate/`: turn these structs into an [`App`]. Validation fills in templates, checks names and routes, and
//!   selects components.
//! - `capability.rs`: the kinds of configuration that a dependency may inherit.
//! - `declaration.rs`: the application with its templates, before any variable has a value.
//! - `built.rs`: checks whether the file of a component is current.
//! - `spin_app.rs`: reads a SpinApp, which is SpinKube's resource for a release.
//! - `route.rs`, `host.rs`, `template.rs`, `name.rs`: the grammars of routes, hosts, templates and names.
#![forbid(unsafe_code)]

mod app;
mod built;
mod capability;
mod declaration;
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
pub use built::{BuildProblem, build_problem};
pub use capability::Capability;
pub use declaration::{
    BuildCommand, Declaration, DeclaredBuild, DeclaredComponent, Trigger, Variable,
};
pub use fault::{Errors, Fault, Location};
pub use host::{AllowedHost, BadHost};
pub use spin_app::{BadSpinApp, SpinApp};

use raw::RawManifest;
use validate::RequiredValues;

/// The options that apply to a manifest when an application starts: values of variables, and the components to run.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Values of application variables, which override the manifest's defaults. A name that the manifest does not declare is an
    /// error.
    pub variables: BTreeMap<String, String>,
    /// Values that the environment sets for variables. The key is the variable's name in lower case. Names that the manifest does
    /// not declare are ignored, because the environment contains the settings of other programs too.
    pub environment: BTreeMap<String, String>,
    /// The components to run; `None` selects all components. The dependencies of selected components run too.
    pub components: Option<Vec<String>>,
}

/// Size limit of a manifest, 1 MiB. A larger file is not a manifest.
const MAX_BYTES: usize = 1 << 20;

/// Reads and validates the manifest at `path`. Relative paths in the manifest are resolved against the manifest's folder.
///
/// # Errors
/// All errors in the manifest together. [`Errors::unreadable`] is set if the file could not be read.
pub fn load(path: &Path, options: &LoadOptions) -> Result<App, Errors> {
    let bytes = std::fs::read(path).map_err(|error| Errors::from_io(path, error))?;
    parse(&bytes, path, options)
}

/// Validates a manifest that was already read. `path` is for error messages. Relative paths in the manifest are resolved against
/// the folder of `path`.
///
/// # Errors
/// All errors in the manifest together.
pub fn parse(bytes: &[u8], path: &Path, options: &LoadOptions) -> Result<App, Errors> {
    read(bytes, path, options, RequiredValues::Needed).map(|(_, app)| app)
}

/// Reads and validates the manifest at `path`, and returns it with its templates. No variable needs a value. Relative paths in the
/// manifest are resolved against the manifest's folder.
///
/// # Errors
/// All errors in the manifest together. [`Errors::unreadable`] is set if the file could not be read.
pub fn declaration(path: &Path) -> Result<Declaration, Errors> {
    let bytes = std::fs::read(path).map_err(|error| Errors::from_io(path, error))?;
    let options = LoadOptions::default();
    let (raw, app) = read(&bytes, path, &options, RequiredValues::Optional)?;
    Ok(Declaration::new(raw, app))
}

fn read(
    bytes: &[u8],
    path: &Path,
    options: &LoadOptions,
    values: RequiredValues,
) -> Result<(RawManifest, App), Errors> {
    let faults = fault::Faults::new(path, bytes);
    let manifest = if bytes.len() > MAX_BYTES {
        faults.push(
            None,
            "",
            format!(
                "longer than {MAX_BYTES} bytes; the file has {} bytes",
                bytes.len()
            ),
        );
        None
    } else {
        match std::str::from_utf8(bytes) {
            Ok(text) => raw::read(text, &faults).and_then(|raw| {
                let app = validate::app(&raw, path, options, values, &faults)?;
                Some((raw, app))
            }),
            Err(error) => {
                faults.push(
                    Some(error.valid_up_to()),
                    "",
                    "not valid UTF-8 from this column on",
                );
                None
            }
        }
    };
    faults.finish(manifest)
}
