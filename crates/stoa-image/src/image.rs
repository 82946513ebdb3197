//! An image: a manifest, and the blobs that the manifest lists.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use oci_client::client::{Config, ImageLayer};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use sha2::{Digest as _, Sha256};

/// Bytes that are addressed by their digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub(crate) digest: String,
    pub(crate) bytes: Bytes,
}

impl Blob {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self {
            digest: digest(&bytes),
            bytes,
        }
    }

    /// The digest: `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The content.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// An image: the manifest, and the blobs that the manifest lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub(crate) manifest: Blob,
    pub(crate) blobs: Vec<Blob>,
}

impl Image {
    /// Builds the manifest of an image with these layers. The same arguments give the same digest on every machine. A registry
    /// stores equal layers once, so an image has one blob for them.
    ///
    /// # Errors
    /// The manifest cannot be written as JSON, which does not happen in practice.
    pub fn new(
        config: Config,
        layers: Vec<ImageLayer>,
        annotations: BTreeMap<String, String>,
    ) -> serde_json::Result<Self> {
        let manifest = OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
            ..OciImageManifest::build(&layers, &config, Some(annotations))
        };
        let manifest = Blob::new(serde_json::to_vec(&manifest)?.into());
        let contents = layers.into_iter().map(|layer| layer.data);
        let mut known = BTreeSet::new();
        let blobs = contents
            .chain([config.data])
            .map(Blob::new)
            .filter(|blob| known.insert(blob.digest.clone()))
            .collect();
        Ok(Self { manifest, blobs })
    }

    /// The manifest's digest: `sha256:` and 64 hexadecimal digits. The digest identifies exactly this image.
    pub fn digest(&self) -> &str {
        &self.manifest.digest
    }

    /// The manifest.
    pub fn manifest(&self) -> &Blob {
        &self.manifest
    }

    /// The blobs: the layers, and then the configuration.
    pub fn blobs(&self) -> &[Blob] {
        &self.blobs
    }

    /// The size of the image in a registry, in bytes.
    pub fn size(&self) -> usize {
        let blobs = self.blobs.iter().map(|blob| blob.bytes.len());
        self.manifest.bytes.len() + blobs.sum::<usize>()
    }
}

/// The digest of `bytes`: `sha256:` and the hash in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An image with one layer. Two images with different names or versions have different digests.
    pub(crate) fn image(name: &str, version: &str) -> Image {
        let layer = ImageLayer::oci_v1(format!("the content of {name}").into_bytes(), None);
        let annotations = BTreeMap::from([("version".to_owned(), version.to_owned())]);
        Image::new(Config::oci_v1("{}", None), vec![layer], annotations).unwrap()
    }

    #[test]
    fn the_digest_depends_on_the_content_and_the_annotations() {
        let one = image("a", "1");
        assert_eq!(one, image("a", "1"));
        assert_ne!(one.digest(), image("a", "2").digest());
        assert_ne!(one.digest(), image("b", "1").digest());
    }

    #[test]
    fn equal_layers_are_one_blob_and_two_entries_of_the_manifest() {
        let layer = || ImageLayer::oci_v1(b"twice".to_vec(), None);
        let config = Config::oci_v1("{}", None);
        let image = Image::new(config, vec![layer(), layer()], BTreeMap::new()).unwrap();
        let digests: Vec<_> = image.blobs().iter().map(Blob::digest).collect();
        assert_eq!(digests, [digest(b"twice"), digest(b"{}")]);
        let manifest: serde_json::Value = serde_json::from_slice(image.manifest().bytes()).unwrap();
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
    }
}
