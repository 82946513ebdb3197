//! Reads and writes images in a folder in the format OCI image layout: the files `oci-layout` and `index.json`, and each blob in
//! `blobs/sha256/` with its digest as the file name.
//!
//! A folder can hold several images, each with its own reference. Other files in the folder stay unchanged.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use oci_client::annotations::ORG_OPENCONTAINERS_IMAGE_REF_NAME as REF_NAME;
use oci_client::manifest::{OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use serde_json::{Value, json};

use crate::image::{Blob, Image};

const LAYOUT_FILE: &str = "oci-layout";
const INDEX_FILE: &str = "index.json";

/// An error while reading or writing a layout.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file or a folder of the layout cannot be read or written.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// The path of the file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The content of a file shows that the folder is not a layout, or that this crate cannot read the layout.
    #[error("{}: {reason}", path.display())]
    NotALayout {
        /// The path of the file.
        path: PathBuf,
        /// The reason, as a sentence about the file.
        reason: String,
    },
    /// A file's content does not match the digest in its name.
    #[error("{}: the file is damaged: the digest of its content is {found}", path.display())]
    Damaged {
        /// The path of the file.
        path: PathBuf,
        /// The digest of the file's content.
        found: String,
    },
    /// The layout contains no image, or it contains several images and none of these has the wanted reference.
    #[error(
        "the folder {} does not contain the image {wanted}; it contains {}; name one of these, or use one folder for each image",
        folder.display(),
        if existing.is_empty() { "no image".to_owned() } else { existing.join(", ") }
    )]
    Which {
        /// The folder of the layout.
        folder: PathBuf,
        /// The references of the images in the layout.
        existing: Vec<String>,
        /// The wanted reference.
        wanted: String,
    },
}

type Result<T> = std::result::Result<T, LayoutError>;

/// Adds an image with this reference to the layout in this folder. A missing folder is created. If another image already has the
/// reference, the reference then names the new image, and the blobs of the other image stay.
///
/// The index file is replaced last and atomically. So a concurrent reader, or a reader after a failed write, finds the old index.
///
/// # Errors
/// [`LayoutError`].
pub fn write(folder: &Path, image: &Image, reference: &str) -> Result<()> {
    let blobs = folder.join("blobs").join("sha256");
    fs::create_dir_all(&blobs).map_err(io_error(&blobs))?;
    // The lock lets several processes write to the same folder. Without the lock, one process could overwrite the index entry of
    // another.
    let lock = File::open(&blobs)
        .and_then(|folder| folder.lock().map(|()| folder))
        .map_err(io_error(&blobs))?;

    let layout_file = folder.join(LAYOUT_FILE);
    if layout_file.exists() {
        check_layout_file(&layout_file)?;
    }
    let path = folder.join(INDEX_FILE);
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
        if fs::read(&path).is_ok_and(|existing| existing == blob.bytes) {
            continue;
        }
        replace(&path, &blob.bytes)?;
    }
    if !layout_file.exists() {
        replace(&layout_file, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    }
    replace(&path, index.to_string().as_bytes())?;
    drop(lock);
    Ok(())
}

/// Reads an image from a layout. If the layout has only one image, returns this image; otherwise, returns the image with the
/// reference `wanted`. Checks each blob of the image against its digest.
///
/// # Errors
/// [`LayoutError`].
pub fn read(folder: &Path, wanted: &str) -> Result<Image> {
    check_layout_file(&folder.join(LAYOUT_FILE))?;
    let path = folder.join(INDEX_FILE);
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
        let existing = entries.iter().map(|entry| {
            let name = reference_of(entry).or_else(|| entry.get("digest")?.as_str());
            name.unwrap_or("an image without a name").to_owned()
        });
        return Err(LayoutError::Which {
            folder: folder.to_path_buf(),
            existing: existing.collect(),
            wanted: wanted.to_owned(),
        });
    };

    let manifest = read_blob(folder, digest)?;
    let parsed: OciImageManifest =
        serde_json::from_slice(&manifest.bytes).map_err(|error| LayoutError::NotALayout {
            path: blob_path(folder, digest),
            reason: format!("the file is not the manifest of a single image: {error}"),
        })?;
    let blobs = parsed.layers.iter().chain([&parsed.config]);
    let blobs = blobs.map(|descriptor| read_blob(folder, &descriptor.digest));
    Ok(Image {
        blobs: blobs.collect::<Result<_>>()?,
        manifest,
    })
}

fn check_layout_file(path: &Path) -> Result<()> {
    let text = fs::read(path).map_err(io_error(path))?;
    let layout_file: Value = serde_json::from_slice(&text).unwrap_or_default();
    if layout_file
        .get("imageLayoutVersion")
        .and_then(Value::as_str)
        == Some("1.0.0")
    {
        return Ok(());
    }
    Err(LayoutError::NotALayout {
        path: path.to_path_buf(),
        reason: "the file does not declare an image layout of version 1.0.0".to_owned(),
    })
}

fn parse_index(path: &Path, bytes: &[u8]) -> Result<Value> {
    let index: Value = serde_json::from_slice(bytes).unwrap_or_default();
    if index.get("manifests").is_some_and(Value::is_array) {
        return Ok(index);
    }
    Err(LayoutError::NotALayout {
        path: path.to_path_buf(),
        reason: "the file is not an index of images".to_owned(),
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

/// The path of a blob in a layout. The digest may come from a file, so special characters in the digest are replaced. Otherwise the
/// path could lead out of the layout's folder.
fn blob_path(folder: &Path, digest: &str) -> PathBuf {
    let hash: String = digest
        .trim_start_matches("sha256:")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    folder.join("blobs").join("sha256").join(hash)
}

/// Writes a file atomically: a reader sees the complete new file or the old one.
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
        let index: Value =
            serde_json::from_slice(&fs::read(folder.join(INDEX_FILE)).unwrap()).unwrap();
        let entries = index["manifests"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| reference_of(entry).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn an_image_that_was_written_can_be_read() {
        let folder = folder();
        let path = folder.path().join("made/with/parents");
        let packed = image("a", "1");
        write(&path, &packed, "a:1").unwrap();
        assert_eq!(read(&path, "another:1").unwrap(), packed);
        let manifest = path
            .join("blobs/sha256")
            .join(packed.digest().trim_start_matches("sha256:"));
        assert_eq!(fs::read(manifest).unwrap(), packed.manifest.bytes);
    }

    #[test]
    fn writing_an_image_twice_changes_nothing() {
        let folder = folder();
        write(folder.path(), &image("a", "1"), "a:1").unwrap();
        let listing = || {
            let mut files: Vec<_> = fs::read_dir(folder.path().join("blobs/sha256"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            files.sort();
            (files, fs::read(folder.path().join(INDEX_FILE)).unwrap())
        };
        let before = listing();
        write(folder.path(), &image("a", "1"), "a:1").unwrap();
        assert_eq!(listing(), before);
    }

    #[test]
    fn a_new_image_takes_over_the_reference_and_no_file_is_deleted() {
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
    fn unknown_members_of_the_index_are_kept() {
        let folder = folder();
        let foreign = r#"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:0","size":1,"data":"eA=="}],"annotations":{"k":"v"}}"#;
        fs::write(folder.path().join(INDEX_FILE), foreign).unwrap();
        write(folder.path(), &image("a", "1"), "a:1").unwrap();
        let index: Value =
            serde_json::from_slice(&fs::read(folder.path().join(INDEX_FILE)).unwrap()).unwrap();
        assert_eq!(index["manifests"][0]["data"], "eA==");
        assert_eq!(index["annotations"]["k"], "v");
    }

    #[test]
    fn concurrent_writers_do_not_lose_entries() {
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
        let mut written = references(folder.path());
        written.sort();
        let all: Vec<_> = names.iter().map(|name| format!("{name}:1")).collect();
        assert_eq!(written, all);
    }

    #[test]
    fn reading_from_several_images_fails_without_the_wanted_reference() {
        let folder = folder();
        for name in ["a", "b"] {
            write(folder.path(), &image(name, "1"), &format!("{name}:1")).unwrap();
        }
        let error = read(folder.path(), "c:1").unwrap_err().to_string();
        assert!(
            error.contains("contains a:1, b:1") && error.contains("c:1"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_that_is_not_a_layout_is_rejected_and_not_changed() {
        let folder = folder();
        assert!(matches!(
            read(folder.path(), "a:1"),
            Err(LayoutError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound
        ));
        let path = folder.path().join(INDEX_FILE);
        fs::write(&path, "[1]").unwrap();
        let error = write(folder.path(), &image("a", "1"), "a:1").unwrap_err();
        assert!(matches!(error, LayoutError::NotALayout { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "[1]");
        fs::write(
            folder.path().join(LAYOUT_FILE),
            r#"{"imageLayoutVersion":"2"}"#,
        )
        .unwrap();
        let error = read(folder.path(), "a:1").unwrap_err().to_string();
        assert!(
            error.contains("oci-layout") && error.contains("1.0.0"),
            "{error}"
        );
    }

    #[test]
    fn damaged_content_and_a_digest_with_a_path_are_rejected() {
        let folder = folder();
        let packed = image("a", "1");
        write(folder.path(), &packed, "a:1").unwrap();
        let layer = blob_path(folder.path(), &packed.blobs[0].digest);
        fs::write(&layer, "x").unwrap();
        let error = read(folder.path(), "a:1").unwrap_err();
        assert!(matches!(error, LayoutError::Damaged { .. }), "{error}");
        write(folder.path(), &packed, "a:1").unwrap();
        assert_eq!(
            read(folder.path(), "a:1").unwrap(),
            packed,
            "writing the image again repairs the damaged blob"
        );
        let escaping = blob_path(folder.path(), "sha256:../../../etc/passwd");
        assert_eq!(escaping.parent(), layer.parent());
    }
}
