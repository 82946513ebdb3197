//! A filter as an OCI image.
//!
//! Istio accepts two formats. This crate uses the format that every registry and tool accepts too: an ordinary image with a single
//! layer, a tar+gzip with `plugin.wasm` at its root. (The other format is an artifact with two layers that have their own media
//! types. Registries with a list of known types reject such an artifact, and so does every tool that unpacks images.)

use std::collections::BTreeMap;
use std::io::Write as _;

use chrono::{DateTime, SecondsFormat};
use oci_client::annotations::{
    ORG_OPENCONTAINERS_IMAGE_CREATED as CREATED, ORG_OPENCONTAINERS_IMAGE_TITLE as TITLE,
    ORG_OPENCONTAINERS_IMAGE_VERSION as VERSION,
};
use oci_client::client::{Config, ImageLayer};
use serde_json::json;
use stoa_image::{Image, digest};

use crate::module::Module;

/// The name of the file that Istio reads from the image's layer.
const FILE: &str = "plugin.wasm";

/// The labels of an image: its name, version and annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    name: String,
    version: Option<String>,
    annotations: BTreeMap<String, String>,
}

/// An error in the labels of an image.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WrongLabel {
    /// The filter's name or version is not valid. The name and the version become parts of the image's reference, which permits
    /// only some characters.
    #[error(
        "the {0} {1:?} is not valid; expected at most 64 letters and digits, separated by single dots, dashes or underscores"
    )]
    Word(&'static str, String),
    /// Two annotations have the same key.
    #[error("the annotation {0} is given twice")]
    Twice(String),
    /// An annotation has an empty key.
    #[error("the key of an annotation is empty")]
    NoKey,
    /// The creation time is too large for a calendar date.
    #[error("SOURCE_DATE_EPOCH: {0} is not a valid time; expected seconds since 1970")]
    Time(i64),
}

impl Labels {
    /// Checks and combines the labels. `others` are further annotations.
    ///
    /// `created` is the creation time in seconds since 1970. `None`: the image has no creation time. (If the creation time were the
    /// current time, every build would get a different digest.)
    ///
    /// # Errors
    /// [`WrongLabel`].
    pub fn new(
        name: &str,
        version: Option<&str>,
        created: Option<i64>,
        others: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, WrongLabel> {
        let mut annotations = BTreeMap::from([(TITLE.to_owned(), checked_word("name", name)?)]);
        if let Some(version) = version {
            annotations.insert(VERSION.to_owned(), checked_word("version", version)?);
        }
        if let Some(seconds) = created {
            let time = DateTime::from_timestamp(seconds, 0).ok_or(WrongLabel::Time(seconds))?;
            let text = time.to_rfc3339_opts(SecondsFormat::Secs, true);
            annotations.insert(CREATED.to_owned(), text);
        }
        for (key, value) in others {
            if key.is_empty() {
                return Err(WrongLabel::NoKey);
            }
            if annotations.contains_key(&key) {
                return Err(WrongLabel::Twice(key));
            }
            annotations.insert(key, value);
        }
        Ok(Self {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            annotations,
        })
    }

    /// The image's reference in a layout: `payment-fault:0.1.0`, or `payment-fault` if there is no version.
    pub fn reference(&self) -> String {
        match &self.version {
            Some(version) => format!("{}:{version}", self.name),
            None => self.name.clone(),
        }
    }
}

fn checked_word(label: &'static str, text: &str) -> Result<String, WrongLabel> {
    let parts = text.split(['.', '-', '_']);
    let is_valid = text.len() <= 64
        && parts
            .into_iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if is_valid {
        Ok(text.to_owned())
    } else {
        Err(WrongLabel::Word(label, text.to_owned()))
    }
}

/// Packs a filter. The same filter and labels give the same digest on every machine, because the image does not depend on the
/// time, a file owner or the order of a hash table. (Another release of the compressor may compress the same bytes differently.)
///
/// # Errors
/// An error while writing to memory, which does not happen in practice.
pub fn pack(module: &Module, labels: &Labels) -> std::io::Result<Image> {
    let tar = tar(module.bytes())?;
    let layer = ImageLayer::oci_v1_gzip(gzip(&tar)?, None);
    let config = json!({
        "architecture": "wasm",
        "os": "wasip1",
        "rootfs": { "diff_ids": [digest(&tar)], "type": "layers" },
    });
    let config = Config::oci_v1(config.to_string(), None);
    Ok(Image::new(config, vec![layer], labels.annotations.clone())?)
}

fn tar(module: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_path(FILE)?;
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(module.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header, module)?;
    tar.into_inner()
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let unknown_system = 255;
    let mut gzip = flate2::GzBuilder::new()
        .mtime(0)
        .operating_system(unknown_system)
        .write(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes)?;
    gzip.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
    use serde_json::Value;

    use super::*;
    use crate::module::tests::filter;

    fn labels(name: &str, version: &str) -> Labels {
        Labels::new(name, Some(version), None, []).unwrap()
    }

    fn image(name: &str, version: &str) -> Image {
        pack(&filter(), &labels(name, version)).unwrap()
    }

    /// If the image's content or the release of the compressor changes, the digest in every WasmPlugin changes too. This test
    /// detects such a change.
    #[test]
    fn the_digest_of_a_packed_filter_does_not_change() {
        // The bytes of the section have no meaning. The section is long and irregular enough that two compressors give different
        // results.
        let noise = (0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 26) as u8);
        let mut bytes = filter().bytes().to_vec();
        bytes.extend([0, 0xe1, 0xd4, 0x03, 0]); // a custom section of 60,001 bytes, with an empty name and 60,000 bytes of noise
        bytes.extend(noise);
        let module = Module::new(bytes).unwrap();
        let image = pack(&module, &labels("payment-fault", "0.1.0")).unwrap();
        assert_eq!(
            image.digest(),
            "sha256:fc6568c27c511a5bfe52f712494519edfdd5837a417df7bd2a60947e37f0480b"
        );
    }

    #[test]
    fn an_image_has_one_layer_with_the_filter_as_plugin_wasm() {
        let image = image("payment-fault", "0.1.0");
        let manifest: Value = serde_json::from_slice(image.manifest().bytes()).unwrap();
        assert_eq!(manifest["mediaType"], OCI_IMAGE_MEDIA_TYPE);
        let [layer] = manifest["layers"].as_array().unwrap().as_slice() else {
            panic!("{manifest}");
        };
        assert_eq!(
            layer["mediaType"],
            "application/vnd.oci.image.layer.v1.tar+gzip"
        );
        let content = |descriptor: &Value| {
            let found = image
                .blobs()
                .iter()
                .find(|b| descriptor["digest"] == b.digest());
            let bytes = found.unwrap().bytes().clone();
            assert_eq!(descriptor["size"], bytes.len());
            bytes
        };
        let layer = content(layer);
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(&layer[..])
            .read_to_end(&mut tar)
            .unwrap();
        let mut archive = tar::Archive::new(&tar[..]);
        let mut entries = archive.entries().unwrap();
        let mut entry = entries.next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some(FILE));
        let mut plugin = Vec::new();
        entry.read_to_end(&mut plugin).unwrap();
        assert_eq!(plugin, filter().bytes());
        assert!(entries.next().is_none());

        let config: Value = serde_json::from_slice(&content(&manifest["config"])).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], digest(&tar));
        assert_eq!(config["os"], "wasip1");
    }

    #[test]
    fn labels_become_annotations_and_the_creation_time_is_optional() {
        let annotations = |labels: &Labels| {
            let image = pack(&filter(), labels).unwrap();
            let manifest: Value = serde_json::from_slice(image.manifest().bytes()).unwrap();
            manifest["annotations"].clone()
        };
        let all = Labels::new(
            "canary-router",
            Some("1.2.3"),
            Some(1_700_000_000),
            [(
                "org.opencontainers.image.licenses".to_owned(),
                "Apache-2.0".to_owned(),
            )],
        )
        .unwrap();
        assert_eq!(
            annotations(&all),
            json!({
                "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
                "org.opencontainers.image.licenses": "Apache-2.0",
                "org.opencontainers.image.title": "canary-router",
                "org.opencontainers.image.version": "1.2.3",
            })
        );
        let few = Labels::new("canary-router", None, None, []).unwrap();
        assert_eq!(
            annotations(&few),
            json!({ "org.opencontainers.image.title": "canary-router" })
        );
        assert_eq!(
            (all.reference(), few.reference()),
            ("canary-router:1.2.3".to_owned(), "canary-router".to_owned())
        );
    }

    #[test]
    fn the_digest_depends_on_the_filter_and_its_labels() {
        let one = image("a", "1");
        assert_eq!(one, image("a", "1"));
        assert_ne!(one.digest(), image("a", "2").digest());
        assert_ne!(one.digest(), image("b", "1").digest());
        let bytes = crate::module::tests::exporting(&["proxy_abi_version_0_2_0"]);
        let other = pack(&Module::new(bytes).unwrap(), &labels("a", "1")).unwrap();
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn invalid_names_keys_and_times_and_repeated_annotations_are_rejected() {
        for name in ["", "a b", "a:b", "-a", "a..b", "a/", "ä", &"a".repeat(65)] {
            let error = Labels::new(name, None, None, []).unwrap_err();
            assert!(matches!(error, WrongLabel::Word("name", _)), "{name}");
        }
        let other = |key: &str| [(key.to_owned(), String::new())];
        assert_eq!(
            Labels::new("a", None, None, other(TITLE)),
            Err(WrongLabel::Twice(TITLE.to_owned()))
        );
        assert_eq!(
            Labels::new("a", None, None, other("")),
            Err(WrongLabel::NoKey)
        );
        assert_eq!(
            Labels::new("a", None, Some(i64::MAX), []),
            Err(WrongLabel::Time(i64::MAX))
        );
    }
}
