//! A Spin application as an OCI artifact.
//!
//! The artifact has one layer for each component, and a last layer with the locked application (`locked.rs`). Its configuration is
//! an ordinary image configuration for the architecture `wasm`, so containerd can make a container of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use oci_client::annotations::{
    ORG_OPENCONTAINERS_IMAGE_AUTHORS as AUTHORS,
    ORG_OPENCONTAINERS_IMAGE_DESCRIPTION as DESCRIPTION, ORG_OPENCONTAINERS_IMAGE_TITLE as TITLE,
    ORG_OPENCONTAINERS_IMAGE_VERSION as VERSION,
};
use oci_client::client::{Config, ImageLayer};
use oci_client::config::{self, ConfigFile};
use oci_client::errors::OciDistributionError;
use stoa_image::{Image, digest};
use stoa_manifest::{Declaration, DeclaredComponent};
use stoa_runtime::{LoadError, standalone_component};

use crate::locked::LockedApp;
use crate::unbuilt::{Unbuilt, unbuilt};

/// Media type of the layer with the locked application.
const APPLICATION_MEDIA_TYPE: &str = "application/vnd.fermyon.spin.application.v1+config";
/// Media type of a component's layer.
const COMPONENT_MEDIA_TYPE: &str = "application/vnd.wasm.content.layer.v1+wasm";

/// The label in the artifact's configuration that has the digest of the locked application. Without it, all applications would have
/// the same configuration, and container runtimes would take them for the same image.
const LOCKED_APP_LABEL: &str = "com.fermyon.spin.lockedAppDigest";

/// The number of layers that an artifact may have. Some registries reject images with more layers.
const MAX_LAYERS: usize = 500;

/// A packed application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedApp {
    /// The artifact.
    pub image: Image,
    /// The number of layers.
    pub layers: usize,
    /// The name of the artifact in a folder: `NAME:VERSION`, or `NAME` if the manifest has no version.
    pub reference: String,
}

/// The reason why an application cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Some components are not built, or were built from older sources.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Unbuilt(Vec<Unbuilt>),
    /// A file cannot be read, is not a component, or cannot be composed with its dependencies.
    #[error(transparent)]
    Component(#[from] LoadError),
    /// The application has too many components.
    #[error("the application needs {0} layers, but some registries accept at most {MAX_LAYERS}")]
    TooManyLayers(usize),
    /// The configuration cannot be written, which does not happen in practice.
    #[error("cannot write the configuration of the artifact")]
    Config(#[from] OciDistributionError),
    /// A document cannot be written as JSON, which does not happen in practice.
    #[error("cannot write the artifact as JSON")]
    Json(#[from] serde_json::Error),
}

/// Packs an application. Each component is composed with its dependencies, so the artifact's components need none. The same manifest
/// and .wasm files give the same digest on every machine, because the artifact has no times.
///
/// # Errors
/// [`PackError`].
pub fn pack(app: &Declaration) -> Result<PackedApp, PackError> {
    let unbuilt = unbuilt(app);
    if !unbuilt.is_empty() {
        return Err(PackError::Unbuilt(unbuilt));
    }
    let mut layers = Vec::new();
    let mut digests = BTreeMap::new();
    let mut known = BTreeSet::new();
    for component in &app.components {
        let bytes = composed(app, component)?;
        let digest = digest(&bytes);
        // Two components with the same content share a layer.
        if known.insert(digest.clone()) {
            layers.push(ImageLayer::new(
                bytes,
                COMPONENT_MEDIA_TYPE.to_owned(),
                None,
            ));
        }
        digests.insert(&*component.id, digest);
    }
    let locked = serde_json::to_vec(&LockedApp::new(app, &digests))?;
    let config = config(&digest(&locked))?;
    layers.push(ImageLayer::new(
        locked,
        APPLICATION_MEDIA_TYPE.to_owned(),
        None,
    ));
    let count = layers.len();
    if count > MAX_LAYERS {
        return Err(PackError::TooManyLayers(count));
    }
    Ok(PackedApp {
        image: Image::new(config, layers, annotations(app))?,
        layers: count,
        reference: match &*app.version {
            "" => app.name.clone(),
            version => format!("{}:{version}", app.name),
        },
    })
}

fn composed(app: &Declaration, component: &DeclaredComponent) -> Result<Vec<u8>, LoadError> {
    let source_of = |id: &str| -> Option<&Path> {
        let other = app.components.iter().find(|other| other.id == id)?;
        Some(&other.source)
    };
    let (id, source) = (&component.id, &component.source);
    standalone_component(id, source, &component.dependencies, source_of)
}

fn config(locked_app: &str) -> Result<Config, OciDistributionError> {
    let labels = HashMap::from([(LOCKED_APP_LABEL.to_owned(), locked_app.to_owned())]);
    let file = ConfigFile {
        architecture: "wasm".into(),
        os: "wasip1".into(),
        config: Some(config::Config {
            labels: Some(labels),
            ..config::Config::default()
        }),
        // containerd unpacks no layer of the artifact, so the list of unpacked layers (`diff_ids`) is empty.
        ..ConfigFile::default()
    };
    Config::oci_v1_from_config_file(file, None)
}

fn annotations(app: &Declaration) -> BTreeMap<String, String> {
    let annotations = [
        (AUTHORS, app.authors.join(", ")),
        (DESCRIPTION, app.description.clone()),
        (TITLE, app.name.clone()),
        (VERSION, app.version.clone()),
    ];
    let given = annotations.into_iter().filter(|(_, text)| !text.is_empty());
    given.map(|(key, text)| (key.to_owned(), text)).collect()
}
