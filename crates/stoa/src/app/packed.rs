//! Packs an application, and describes the packed application.

use std::path::Path;

use serde_json::json;
use stoa_app_image::{PackError, PackedApp};
use stoa_manifest::BuildProblem;
use stoa_runtime::LoadError;
use stoa_up::UpError;

use crate::exit::{Code, Failure};
use crate::image::chain;
use crate::output::print;

/// Reads a manifest, and packs the application.
pub(super) fn pack(manifest: &Path) -> Result<PackedApp, Failure> {
    let app = stoa_manifest::declaration(manifest).map_err(|errors| UpError::Manifest {
        path: manifest.to_path_buf(),
        errors,
    })?;
    stoa_app_image::pack(&app).map_err(|error| Failure::new(code(&error), chain(&error)))
}

fn code(error: &PackError) -> Code {
    let is_missing = |problem: &BuildProblem| *problem == BuildProblem::Missing;
    match error {
        PackError::Unbuilt(unbuilt) if unbuilt.iter().any(|u| is_missing(&u.problem)) => {
            Code::NoInput
        }
        PackError::Unbuilt(_) | PackError::TooManyLayers(_) => Code::Data,
        PackError::Component(LoadError::Unreadable { .. }) => Code::Io,
        PackError::Component(_) => Code::Data,
        PackError::Config(_) | PackError::Json(_) => Code::Internal,
    }
}

/// Prints a packed application. `image` is the artifact's name with its digest.
pub(super) fn print_packed(packed: &PackedApp, image: &str, as_json: bool) -> Result<(), Failure> {
    let (digest, size, layers) = (packed.image.digest(), packed.image.size(), packed.layers);
    if as_json {
        let fields = json!({"image": image, "digest": digest, "size": size, "layers": layers});
        return print(&format!("{fields}\n"));
    }
    print(&format!(
        "image: {image}\nsize: {size} bytes\nlayers: {layers}\n"
    ))
}
