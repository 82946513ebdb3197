//! Writes the Envoys' files. Each file is written under a temporary name and then renamed, so an Envoy never reads half a file. A
//! file that already has the required content is not written again, so that an Envoy reads a file again only if the content
//! changed.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::authority::CertificateAndKey;

/// The folder with the files of a workload's Envoy. `workload` is a name such as `bookinfo/reviews-v1-0`.
pub(crate) fn proxy_folder(state_dir: &Path, workload: &str) -> PathBuf {
    state_dir.join("xds").join(workload)
}

/// The path of a resource's file, relative to the folder of the proxy. Each kind of resource has its own folder, because after a
/// file in a folder is replaced, Envoy reads all files in that folder again.
pub(crate) fn resource_file(kind: &str, name: &str) -> PathBuf {
    let mut safe = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => safe.push(byte.into()),
            _ => safe.push_str(&format!("%{byte:02x}")),
        }
    }
    Path::new(kind).join(format!("{safe}.json"))
}

/// The path of an Envoy's own log, in which Envoy writes warnings and errors. The access log is another file.
pub(crate) fn log_file(logs: &Path, workload: &str) -> PathBuf {
    let pod = workload.rsplit('/').next().unwrap_or(workload);
    logs.join(format!("{pod}.log"))
}

/// The path of an Envoy's access log.
pub(crate) fn access_log_file(logs: &Path, workload: &str) -> PathBuf {
    logs.join(format!("{}.access.log", workload.replace('/', "-")))
}

/// The content of a file with these resources, in the format of a discovery service's response. Envoy reads the file in place of
/// such a response.
pub(crate) fn discovery_response(resources: &[Value]) -> Value {
    json!({"resources": resources})
}

/// The secret that contains a certificate and the certificate's private key. One secret contains both, because they change
/// together.
pub(crate) fn certificate_secret(name: &str, certified: &CertificateAndKey) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        "tls_certificate": {
            "certificate_chain": {"inline_string": certified.certificate},
            "private_key": {"inline_string": certified.key},
        },
    })
}

/// The secret that contains the certificate of an authority. Envoy accepts only peers whose certificates this authority signed.
pub(crate) fn authority_secret(name: &str, trusted: Value) -> Value {
    json!({
        "name": name,
        "validation_context": {"trusted_ca": trusted},
    })
}

/// Writes a file unless the file already has this content. Returns whether the file was written.
pub(crate) fn write_if_changed(path: &Path, content: &Value) -> io::Result<bool> {
    let text = serde_json::to_vec(content)?;
    if std::fs::read(path).is_ok_and(|current| current == text) {
        return Ok(false);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    std::fs::create_dir_all(folder)?;
    let new = folder.join(format!(".{}.new", name.to_string_lossy()));
    write_private(&new, &text)?;
    std::fs::rename(new, path)?;
    Ok(true)
}

/// Writes a file that only the file's owner can read, because some of the Envoys' files contain private keys.
fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
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
    fn a_file_is_replaced_as_a_whole_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lds/listeners.json");
        assert!(write_if_changed(&path, &json!({"a": 1})).expect("written"));
        let before = std::fs::metadata(&path).expect("a file");
        assert_eq!(before.mode() & 0o777, 0o600);
        // A program that opened the file before the write still reads the previous content.
        let old = std::fs::File::open(&path).expect("a file");
        assert!(write_if_changed(&path, &json!({"a": 2})).expect("written"));
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
        assert_eq!(names.count(), 1, "no temporary file remains");
    }

    #[test]
    fn a_file_with_the_same_content_is_not_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rds/80.json");
        assert!(write_if_changed(&path, &json!({"a": 1})).expect("written"));
        let before = std::fs::metadata(&path).expect("a file");
        assert!(!write_if_changed(&path, &json!({"a": 1})).expect("read"));
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
        assert!(write_if_changed(&file.join("below"), &json!(1)).is_err());
        assert!(write_if_changed(Path::new("/"), &json!(1)).is_err());
    }
}
