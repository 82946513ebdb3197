//! What lies where an Envoy looks. Everything is written aside and renamed, so that an Envoy never reads half of it, and only
//! what is not there already, so that a rename is a change.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::authority::Certified;

/// The answer of a discovery service, in a file.
pub(crate) fn discovery(resources: &[Value]) -> Value {
    json!({"resources": resources})
}

/// A certificate with its key, both in one file: they change together.
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

/// The authority that others' certificates have to be from.
pub(crate) fn authority(name: &str, trusted: Value) -> Value {
    json!({
        "name": name,
        "validation_context": {"trusted_ca": trusted},
    })
}

/// Writes a file unless it says so already.
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

/// Keys are among what is written: for the owner's eyes only.
fn private(path: &Path, text: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let options = options.create(true).truncate(true).write(true).mode(0o600);
    options.open(path)?.write_all(text)
}
