//! Finds the Envoy program. Also finds the file with the certificates of public authorities.

use std::path::{Path, PathBuf};

/// The oldest version of Envoy that can be used. Istio's configuration was tested with this version, and uses features that older
/// versions lack.
const OLDEST_VERSION: [u32; 2] = [1, 40];
/// The path of the file with the certificates of public authorities on Debian.
const DEBIAN_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// No usable Envoy was found.
#[derive(Debug, thiserror::Error)]
pub enum NoEnvoy {
    /// STOA_ENVOY is not the path of a file.
    #[error("STOA_ENVOY: there is no file {}; expected the path of an Envoy program", .0.display())]
    NotAFile(PathBuf),
    /// There is no usable Envoy on PATH, and no Envoy in the folder to which `make setup` downloads Envoy.
    #[error(
        "cannot find Envoy 1.40 or later; `make setup` downloads it, or set STOA_ENVOY to its path"
    )]
    NotFound,
}

/// Finds the Envoy to run. If the variable STOA_ENVOY is set, the result is the program that the variable names. Otherwise the
/// result is an Envoy on PATH that is new enough. If PATH has no such Envoy, the result is the Envoy that `make setup` downloaded
/// to the folder `fetched` (`target/envoy` in a checkout).
///
/// # Errors
/// If no usable Envoy was found, or STOA_ENVOY is not the path of a file.
pub fn find_envoy(fetched: &Path) -> Result<PathBuf, NoEnvoy> {
    if let Some(named) = std::env::var_os("STOA_ENVOY").filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return if named.is_file() {
            Ok(named)
        } else {
            Err(NoEnvoy::NotAFile(named))
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("envoy"));
    let fetched = std::fs::read_dir(fetched).into_iter().flatten().flatten();
    let fetched = fetched.map(|version| version.path().join("envoy"));
    on_path
        .filter(|program| program.is_file() && version(program) >= Some(OLDEST_VERSION))
        .chain(fetched.filter(|program| program.is_file()))
        .next()
        .ok_or(NoEnvoy::NotFound)
}

/// SSL_CERT_FILE is not the path of a file.
#[derive(Debug, thiserror::Error)]
#[error("SSL_CERT_FILE: there is no file {}; expected a file with certificates of public authorities", .0.display())]
pub struct NoRoots(PathBuf);

/// Finds the file with the certificates of public authorities. It is the file that SSL_CERT_FILE names, or this system's file if
/// SSL_CERT_FILE is not set. Envoys need these certificates to verify the certificates of third parties.
///
/// # Errors
/// If SSL_CERT_FILE is not the path of a file.
pub fn find_roots() -> Result<PathBuf, NoRoots> {
    match std::env::var_os("SSL_CERT_FILE").map(PathBuf::from) {
        Some(named) if named.is_file() => Ok(named),
        Some(named) if !named.as_os_str().is_empty() => Err(NoRoots(named)),
        // The system's file may be missing. A missing file is an error only if a workload needs it, so this function does not check
        // whether the file exists.
        _ => Ok(openssl_probe::probe()
            .cert_file
            .unwrap_or_else(|| DEBIAN_ROOTS.into())),
    }
}

/// The major and minor version of an Envoy program. `envoy --version` prints `version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`.
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
