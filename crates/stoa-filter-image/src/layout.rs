//! Images in a folder, in the OCI image layout: `oci-layout`, `index.json`, and every blob under its digest in
//! `blobs/sha256/`.
//!
//! Several images share a folder, each under its reference. Other files in the folder do not change.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use oci_client::annotations::ORG_OPENCONTAINERS_IMAGE_REF_NAME as REF_NAME;
use oci_client::manifest::{OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use serde_json::{Value, json};

use crate::image::{Blob, Image};

const MARK: &str = "oci-layout";
const INDEX: &str = "index.json";

/// Why a folder could not be read or written as a layout.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file system error.
    #[error("{}", path.display())]
    Io {
        /// The file or folder that was read or written.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// It is not a layout, or not one that this crate can read.
    #[error("{}: {reason}", path.display())]
    NotALayout {
        /// The file that is wrong.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file's content does not match the digest in its name.
    #[error("{} is damaged: its content has the digest {found}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The digest of its content.
        found: String,
    },
    /// More than one image could be meant, or none.
    #[error(
        "{} holds {}, and none of them is {wanted}: name one of these as REPOSITORY:TAG, or keep each in a folder of its own",
        folder.display(),
        if there.is_empty() { "no image".to_owned() } else { there.join(", ") }
    )]
    Which {
        /// The layout.
        folder: PathBuf,
        /// The references in it.
        there: Vec<String>,
        /// The reference that was looked up.
        wanted: String,
    },
}

type Result<T> = std::result::Result<T, LayoutError>;

/// Adds an image to the layout in this folder under this reference; the folder is created if it does not exist. An image
/// that had the reference before loses it; its content stays. The index is replaced last and as a whole. So a concurrent
/// reader, or a reader after a failed write, finds the layout as it was.
///
/// # Errors
/// [`LayoutError`].
pub fn write(folder: &Path, image: &Image, reference: &str) -> Result<()> {
    let blobs = folder.join("blobs").join("sha256");
    fs::create_dir_all(&blobs).map_err(io_error(&blobs))?;
    // Two processes that pack into the same folder at once must not lose each other's entry.
    let lock = File::open(&blobs)
        .and_then(|folder| folder.lock().map(|()| folder))
        .map_err(io_error(&blobs))?;

    let mark = folder.join(MARK);
    if mark.exists() {
        check_mark(&mark)?;
    }
    let path = folder.join(INDEX);
    let mut index = match fs::read(&path) {
        Ok(bytes) => parse_index(&path, &bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            json!({ "schemaVersion": 2, "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE, "manifests": [] })
        }
        Err(error) => return Err(io_error(&path)(error)),
    };
    if let Some(manifests) = index.get_mut("manifests").and_then(Value::as_array_mut) {
        manifests.retain(|entry| reference_of(entry) != Some(reference));
        manifests.push(json!({
            "mediaType": OCI_IMAGE_MEDIA_TYPE,
            "digest": image.manifest.digest,
            "size": image.manifest.bytes.len(),
            "annotations": { REF_NAME: reference },
        }));
    }

    for blob in image.blobs.iter().chain([&image.manifest]) {
        let path = blob_path(folder, &blob.digest);
        if fs::read(&path).is_ok_and(|there| there == blob.bytes) {
            continue;
        }
        replace(&path, &blob.bytes)?;
    }
    if !mark.exists() {
        replace(&mark, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    }
    replace(&path, index.to_string().as_bytes())?;
    drop(lock);
    Ok(())
}

/// Reads an image: the only one there is, or the one whose reference is `wanted`.
///
/// # Errors
/// [`LayoutError`]; every blob is checked against its digest.
pub fn read(folder: &Path, wanted: &str) -> Result<Image> {
    check_mark(&folder.join(MARK))?;
    let path = folder.join(INDEX);
    let index = fs::read(&path).map_err(io_error(&path))?;
    let index = parse_index(&path, &index)?;
    let entries = index.get("manifests").and_then(Value::as_array);
    let entries = entries.map(Vec::as_slice).unwrap_or_default();
    let entry = match entries {
        [only] => Some(only),
        _ => entries
            .iter()
            .find(|entry| reference_of(entry) == Some(wanted)),
    };
    let digest = entry.and_then(|entry| entry.get("digest")?.as_str());
    let Some(digest) = digest else {
        let there = entries.iter().map(|entry| {
            let name = reference_of(entry).or_else(|| entry.get("digest")?.as_str());
            name.unwrap_or("one without a name").to_owned()
        });
        return Err(LayoutError::Which {
            folder: folder.to_path_buf(),
            there: there.collect(),
            wanted: wanted.to_owned(),
        });
    };

    let manifest = read_blob(folder, digest)?;
    let parsed: OciImageManifest =
        serde_json::from_slice(&manifest.bytes).map_err(|error| LayoutError::NotALayout {
            path: blob_path(folder, digest),
            reason: format!("no manifest of a single image: {error}"),
        })?;
    let blobs = parsed.layers.iter().chain([&parsed.config]);
    let blobs = blobs.map(|descriptor| read_blob(folder, &descriptor.digest));
    Ok(Image {
        blobs: blobs.collect::<Result<_>>()?,
        manifest,
    })
}

fn check_mark(path: &Path) -> Result<()> {
    let text = fs::read(path).map_err(io_error(path))?;
    let mark: Value = serde_json::from_slice(&text).unwrap_or_default();
    if mark.get("imageLayoutVersion").and_then(Value::as_str) == Some("1.0.0") {
        return Ok(());
    }
    Err(LayoutError::NotALayout {
        path: path.to_path_buf(),
        reason: "is not an image layout of version 1.0.0".to_owned(),
    })
}

fn parse_index(path: &Path, bytes: &[u8]) -> Result<Value> {
    let index: Value = serde_json::from_slice(bytes).unwrap_or_default();
    if index.get("manifests").is_some_and(Value::is_array) {
        return Ok(index);
    }
    Err(LayoutError::NotALayout {
        path: path.to_path_buf(),
        reason: "is not an index of images".to_owned(),
    })
}

fn reference_of(entry: &Value) -> Option<&str> {
    entry.get("annotations")?.get(REF_NAME)?.as_str()
}

fn read_blob(folder: &Path, digest: &str) -> Result<Blob> {
    let path = blob_path(folder, digest);
    let blob = Blob::new(fs::read(&path).map_err(io_error(&path))?.into());
    if blob.digest == digest {
        return Ok(blob);
    }
    Err(LayoutError::Damaged {
        path,
        found: blob.digest,
    })
}

/// A digest comes from a file, so it must not lead out of the folder.
fn blob_path(folder: &Path, digest: &str) -> PathBuf {
    let hash: String = digest
        .trim_start_matches("sha256:")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    folder.join("blobs").join("sha256").join(hash)
}

/// Writes a file atomically: it is there as a whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)
        .and_then(|()| fs::rename(&new, path))
        .map_err(io_error(path))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> LayoutError {
    let path = path.to_path_buf();
    |source| LayoutError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tests::image;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn references(folder: &Path) -> Vec<String> {
        let index: Value = serde_json::from_slice(&fs::read(folder.join(INDEX)).unwrap()).unwrap();
        let entries = index["manifests"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| reference_of(entry).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = folder();
        let path = folder.path().join("made/with/parents");
        let packed = image("a", "1");
        write(&path, &packed, "a:1").unwrap();
        assert_eq!(read(&path, "whatever").unwrap(), packed);
        let manifest = path
            .join("blobs/sha256")
            .join(packed.digest().trim_start_matches("sha256:"));
        assert_eq!(fs::read(manifest).unwrap(), packed.manifest.bytes);
    }

    #[test]
    fn writing_the_same_twice_changes_nothing() {
        let folder = folder();
        write(folder.path(), &image("a", "1"), "a:1").unwrap();
        let listing = || {
            let mut files: Vec<_> = fs::read_dir(folder.path().join("blobs/sha256"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            files.sort();
            (files, fs::read(folder.path().join(INDEX)).unwrap())
        };
        let before = listing();
        write(folder.path(), &image("a", "1"), "a:1").unwrap();
        assert_eq!(listing(), before);
    }

    #[test]
    fn a_new_image_takes_the_reference_and_nothing_is_deleted() {
        let folder = folder();
        let old = image("a", "1");
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        write(folder.path(), &old, "a:1").unwrap();
        write(folder.path(), &image("b", "1"), "b:1").unwrap();
        let new = image("a", "1-rebuilt");
        write(folder.path(), &new, "a:1").unwrap();
        assert_eq!(references(folder.path()), ["b:1", "a:1"]);
        assert_eq!(read(folder.path(), "a:1").unwrap(), new);
        assert_eq!(read(folder.path(), "b:1").unwrap(), image("b", "1"));
        assert!(blob_path(folder.path(), old.digest()).exists());
        assert_eq!(
            fs::read_to_string(folder.path().join("notes.txt")).unwrap(),
            "mine"
        );
    }

    #[test]
    fn keeps_what_others_wrote_into_the_index() {
        let folder = folder();
        let theirs = r#"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:0","size":1,"data":"eA=="}],"annotations":{"k":"v"}}"#;
        fs::write(folder.path().join(INDEX), theirs).unwrap();
        write(folder.path(), &image("a", "1"), "a:1").unwrap();
        let index: Value =
            serde_json::from_slice(&fs::read(folder.path().join(INDEX)).unwrap()).unwrap();
        assert_eq!(index["manifests"][0]["data"], "eA==");
        assert_eq!(index["annotations"]["k"], "v");
    }

    #[test]
    fn many_at_once_lose_no_entry() {
        let folder = folder();
        let names: Vec<String> = (0..8).map(|number| format!("f{number}")).collect();
        std::thread::scope(|scope| {
            let folder = folder.path();
            for name in &names {
                scope.spawn(move || {
                    write(folder, &image(name, "1"), &format!("{name}:1")).unwrap();
                });
            }
        });
        let mut there = references(folder.path());
        there.sort();
        let all: Vec<_> = names.iter().map(|name| format!("{name}:1")).collect();
        assert_eq!(there, all);
    }

    #[test]
    fn among_several_the_wanted_one_must_be_there() {
        let folder = folder();
        for name in ["a", "b"] {
            write(folder.path(), &image(name, "1"), &format!("{name}:1")).unwrap();
        }
        let error = read(folder.path(), "c:1").unwrap_err().to_string();
        assert!(
            error.contains("holds a:1, b:1") && error.contains("c:1"),
            "{error}"
        );
    }

    #[test]
    fn refuses_what_is_no_layout_and_leaves_it_alone() {
        let folder = folder();
        assert!(matches!(
            read(folder.path(), "a:1"),
            Err(LayoutError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound
        ));
        let path = folder.path().join(INDEX);
        fs::write(&path, "[1]").unwrap();
        let error = write(folder.path(), &image("a", "1"), "a:1").unwrap_err();
        assert!(matches!(error, LayoutError::NotALayout { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "[1]");
        fs::write(folder.path().join(MARK), r#"{"imageLayoutVersion":"2"}"#).unwrap();
        let error = read(folder.path(), "a:1").unwrap_err().to_string();
        assert!(
            error.contains("oci-layout") && error.contains("1.0.0"),
            "{error}"
        );
    }

    #[test]
    fn refuses_damaged_content_and_a_digest_that_leads_elsewhere() {
        let folder = folder();
        let packed = image("a", "1");
        write(folder.path(), &packed, "a:1").unwrap();
        let layer = blob_path(folder.path(), &packed.blobs[0].digest);
        fs::write(&layer, "x").unwrap();
        let error = read(folder.path(), "a:1").unwrap_err();
        assert!(matches!(error, LayoutError::Damaged { .. }), "{error}");
        write(folder.path(), &packed, "a:1").unwrap();
        assert_eq!(read(folder.path(), "a:1").unwrap(), packed, "mended");
        let lured = blob_path(folder.path(), "sha256:../../../etc/passwd");
        assert_eq!(lured.parent(), layer.parent());
    }
}
