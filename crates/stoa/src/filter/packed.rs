//! Packs a filter as an OCI image with labels.

use std::path::Path;

use clap::Args;
use stoa_filter_image::{Labels, Module, pack};
use stoa_image::Image;

use crate::exit::{Code, Failure};
use crate::image::chain;

/// Arguments for the labels of an image.
#[derive(Debug, Args)]
pub(crate) struct LabelArgs {
    /// Title of the image [default: the file's name without .wasm, with - in place of _]
    #[arg(long)]
    name: Option<String>,

    /// Version of the image
    #[arg(long)]
    version: Option<String>,

    /// Additional annotation, such as org.opencontainers.image.licenses=Apache-2.0
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = annotation)]
    annotations: Vec<(String, String)>,

    /// Creation time of the image, in seconds since 1970 [default: none, so that every build gives the same digest]
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH")]
    created: Option<i64>,
}

/// An image made from a filter's file.
pub(super) struct PackedFilter {
    pub(super) image: Image,
    pub(super) abi: String,
    /// `NAME:VERSION`.
    pub(super) reference: String,
}

/// Reads and packs a filter.
pub(super) fn pack_file(file: &Path, labels: &LabelArgs) -> Result<PackedFilter, Failure> {
    let bytes =
        std::fs::read(file).map_err(|error| Failure::io(&error, Code::Io, file.display()))?;
    let module = Module::new(bytes).map_err(|error| {
        Failure::new(Code::Data, format!("{} {}", file.display(), chain(&error)))
    })?;
    let labels = labels
        .to_labels(file)
        .map_err(|error| Failure::new(Code::Usage, error))?;
    let image = pack(&module, &labels)
        .map_err(|error| Failure::io(&error, Code::Internal, "cannot pack the filter"))?;
    Ok(PackedFilter {
        image,
        abi: module.abi(),
        reference: labels.reference(),
    })
}

impl LabelArgs {
    /// True if the command line contains an argument that takes effect only when a filter is packed.
    pub(super) fn has_pack_arguments(&self) -> bool {
        self.name.is_some() || self.version.is_some() || !self.annotations.is_empty()
    }

    fn to_labels(&self, file: &Path) -> Result<Labels, String> {
        let stem = || Some(file.file_stem()?.to_str()?.replace('_', "-"));
        let name = self.name.clone().or_else(stem).unwrap_or_default();
        let others = self.annotations.iter().cloned();
        Labels::new(&name, self.version.as_deref(), self.created, others)
            .map_err(|error| error.to_string())
    }
}

fn annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}
