//! An artifact as its reader sees it: from a packed application, or from a registry over HTTP.

use std::collections::BTreeMap;

use serde_json::Value;
use stoa_app_image::PackedApp;
use stoa_image::{Blob, digest};

const APPLICATION: &str = "application/vnd.fermyon.spin.application.v1+config";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The parts of an artifact.
pub(crate) struct Artifact {
    pub(crate) manifest: Value,
    /// The blobs that the manifest lists, by digest.
    blobs: BTreeMap<String, Vec<u8>>,
}

impl Artifact {
    pub(crate) fn of(packed: &PackedApp) -> Self {
        let blob = |blob: &Blob| (blob.digest().to_owned(), blob.bytes().to_vec());
        Self {
            manifest: serde_json::from_slice(packed.image.manifest().bytes()).unwrap(),
            blobs: packed.image.blobs().iter().map(blob).collect(),
        }
    }

    /// Pulls an artifact from a registry on this machine, and checks the digest and the size of each blob.
    pub(crate) fn pull(registry: &str, repository: &str, reference: &str) -> Self {
        let get = |path: &str| {
            let mut answer = ureq::get(format!("http://{registry}/v2/{repository}/{path}"))
                .header("Accept", MANIFEST)
                .call()
                .unwrap();
            answer.body_mut().read_to_vec().unwrap()
        };
        let manifest: Value =
            serde_json::from_slice(&get(&format!("manifests/{reference}"))).unwrap();
        let layers = manifest["layers"].as_array().unwrap().iter();
        let descriptors = layers.chain([&manifest["config"]]);
        let blobs = descriptors.map(|descriptor| {
            let name = descriptor["digest"].as_str().unwrap().to_owned();
            let content = get(&format!("blobs/{name}"));
            assert_eq!(digest(&content), name);
            assert_eq!(descriptor["size"], content.len());
            (name, content)
        });
        Self {
            blobs: blobs.collect(),
            manifest,
        }
    }

    /// The descriptors of the layers.
    pub(crate) fn layers(&self) -> &[Value] {
        self.manifest["layers"].as_array().unwrap()
    }

    pub(crate) fn blob(&self, digest: &Value) -> &[u8] {
        &self.blobs[digest.as_str().unwrap()]
    }

    /// The locked application.
    pub(crate) fn app(&self) -> Value {
        let is_app = |layer: &&Value| layer["mediaType"] == APPLICATION;
        let layer = self.layers().iter().find(is_app).unwrap();
        serde_json::from_slice(self.blob(&layer["digest"])).unwrap()
    }

    /// The configuration.
    pub(crate) fn config(&self) -> Value {
        serde_json::from_slice(self.blob(&self.manifest["config"]["digest"])).unwrap()
    }
}

/// The component with this id in a locked application.
pub(crate) fn component<'a>(app: &'a Value, id: &str) -> &'a Value {
    let components = app["components"].as_array().unwrap();
    components.iter().find(|c| c["id"] == id).unwrap()
}
