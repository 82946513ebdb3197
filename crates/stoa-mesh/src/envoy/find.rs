//! The Envoy program, and this system's certificates of public authorities.

use std::path::{Path, PathBuf};

/// The version that Istio's configuration was tested with. Older versions lack features that it uses.
const VERSION: [u32; 2] = [1, 40];
/// The file of public authorities' certificates on Debian.
const DEBIAN_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// No usable Envoy.
#[derive(Debug, thiserror::Error)]
pub enum NoEnvoy {
    /// STOA_ENVOY does not name a program.
    #[error("STOA_ENVOY is {}, and no program is there", .0.display())]
    Named(PathBuf),
    /// No Envoy was found.
    #[error("no Envoy 1.40 or later: `make setup` fetches it; or set STOA_ENVOY to its path")]
    Nowhere,
}

/// The Envoy to run: STOA_ENVOY; an Envoy on PATH that is new enough; or the one that `make setup` downloaded to `fetched`
/// (`target/envoy` in a checkout).
///
/// # Errors
/// If there is no usable Envoy.
pub fn find_envoy(fetched: &Path) -> Result<PathBuf, NoEnvoy> {
    if let Some(named) = std::env::var_os("STOA_ENVOY").filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return if named.is_file() {
            Ok(named)
        } else {
            Err(NoEnvoy::Named(named))
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("envoy"));
    let fetched = std::fs::read_dir(fetched).into_iter().flatten().flatten();
    let fetched = fetched.map(|version| version.path().join("envoy"));
    on_path
        .filter(|program| program.is_file() && version(program) >= Some(VERSION))
        .chain(fetched.filter(|program| program.is_file()))
        .next()
        .ok_or(NoEnvoy::Nowhere)
}

/// No file with the certificates of public authorities.
#[derive(Debug, thiserror::Error)]
#[error("SSL_CERT_FILE is {}, and no file is there", .0.display())]
pub struct NoRoots(PathBuf);

/// The file with the certificates of public authorities, which third parties use: SSL_CERT_FILE, or this system's file.
///
/// # Errors
/// If SSL_CERT_FILE does not name a file.
pub fn find_roots() -> Result<PathBuf, NoRoots> {
    match std::env::var_os("SSL_CERT_FILE").map(PathBuf::from) {
        Some(named) if named.is_file() => Ok(named),
        Some(named) if !named.as_os_str().is_empty() => Err(NoRoots(named)),
        // A missing file becomes an error only once a workload needs it.
        _ => Ok(openssl_probe::probe()
            .cert_file
            .unwrap_or_else(|| DEBIAN_ROOTS.into())),
    }
}

/// `envoy --version` prints commit/1.40.0/Clean/RELEASE/BoringSSL.
fn version(program: &Path) -> Option<[u32; 2]> {
    let output = std::process::Command::new(program)
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text
        .rsplit("version:")
        .next()?
        .split('/')
        .nth(1)?
        .split('.');
    let mut number = || numbers.next()?.parse().ok();
    Some([number()?, number()?])
}
