//! The Envoys' files. Each is written aside and renamed, so that an Envoy never reads half a file. A file with the same content is
//! not written, so every rename is a change.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::authority::Certified;

/// The folder of a workload's Envoy. `workload` is the workload's name, `bookinfo/reviews-v1-0`.
pub(crate) fn of_proxy(state_dir: &Path, workload: &str) -> PathBuf {
    state_dir.join("xds").join(workload)
}

/// The file of a resource, below its proxy's folder. Each kind has its own folder: after a rename, Envoy reads all files of the
/// folder.
pub(crate) fn of_resource(kind: &str, name: &str) -> PathBuf {
    let mut safe = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => safe.push(byte.into()),
            _ => safe.push_str(&format!("%{byte:02x}")),
        }
    }
    Path::new(kind).join(format!("{safe}.json"))
}

/// An Envoy's own log.
pub(crate) fn log(logs: &Path, workload: &str) -> PathBuf {
    let pod = workload.rsplit('/').next().unwrap_or(workload);
    logs.join(format!("{pod}.log"))
}

/// An Envoy's access log.
pub(crate) fn access_log(logs: &Path, workload: &str) -> PathBuf {
    logs.join(format!("{}.access.log", workload.replace('/', "-")))
}

/// A discovery service's response, as a file.
pub(crate) fn discovery(resources: &[Value]) -> Value {
    json!({"resources": resources})
}

/// A certificate with its key. Both are in one file: they change together.
pub(crate) fn certificate(name: &str, of: &Certified) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        "tls_certificate": {
            "certificate_chain": {"inline_string": of.certificate},
            "private_key": {"inline_string": of.key},
        },
    })
}

/// The authority that must have signed the peers' certificates.
pub(crate) fn authority(name: &str, trusted: Value) -> Value {
    json!({
        "name": name,
        "validation_context": {"trusted_ca": trusted},
    })
}

/// Writes a file unless it already has this content; returns whether it was written.
pub(crate) fn put(path: &Path, content: &Value) -> io::Result<bool> {
    let text = serde_json::to_vec(content)?;
    if std::fs::read(path).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    std::fs::create_dir_all(folder)?;
    let new = folder.join(format!(".{}.new", name.to_string_lossy()));
    private(&new, &text)?;
    std::fs::rename(new, path)?;
    Ok(true)
}

/// Writes a file that only the owner can read: some files contain keys.
fn private(path: &Path, text: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let options = options.create(true).truncate(true).write(true).mode(0o600);
    options.open(path)?.write_all(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_by_a_whole_one_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lds/listeners.json");
        assert!(put(&path, &json!({"a": 1})).expect("written"));
        let before = std::fs::metadata(&path).expect("a file");
        assert_eq!(before.mode() & 0o777, 0o600);
        // A program that has the old file open still reads the old content.
        let old = std::fs::File::open(&path).expect("a file");
        assert!(put(&path, &json!({"a": 2})).expect("written"));
        assert_eq!(std::io::read_to_string(old).expect("a text"), r#"{"a":1}"#);
        assert_eq!(
            std::fs::read_to_string(&path).expect("a text"),
            r#"{"a":2}"#
        );
        assert_ne!(
            std::fs::metadata(&path).expect("a file").ino(),
            before.ino()
        );
        let names = std::fs::read_dir(folder.path().join("lds")).expect("a folder");
        assert_eq!(names.count(), 1, "nothing else is left there");
    }

    #[test]
    fn what_is_there_already_is_not_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rds/80.json");
        assert!(put(&path, &json!({"a": 1})).expect("written"));
        let before = std::fs::metadata(&path).expect("a file");
        assert!(!put(&path, &json!({"a": 1})).expect("read"));
        let after = std::fs::metadata(&path).expect("a file");
        assert_eq!(
            (after.ino(), after.mtime_nsec()),
            (before.ino(), before.mtime_nsec())
        );
    }

    #[test]
    fn a_path_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert!(put(&file.join("below"), &json!(1)).is_err());
        assert!(put(Path::new("/"), &json!(1)).is_err());
    }
}
