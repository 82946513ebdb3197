//! Pushes an image to a registry.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, RegistryOperation};

use crate::credentials::Credentials;
use crate::destination::Destination;
use crate::image::{Blob, Image};

/// Connect timeout: a reachable registry answers within this time.
const CONNECT: Duration = Duration::from_secs(10);
/// Read timeout. It covers sending a blob as well, so it is long: 256 MiB, the most that Istio accepts, at 1 MiB/s.
const ANSWER: Duration = Duration::from_secs(300);
/// Bytes sent between two progress reports.
const PIECE: usize = 256 << 10;

/// Called with the number of bytes that were sent, and the number of bytes to send.
pub type Progress = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// An image that is in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The `url` of a WasmPlugin.
    pub url: String,
    /// The `sha256` of a WasmPlugin: the manifest's digest, 64 hexadecimal digits.
    pub sha256: String,
    /// Whether this tag already had the image, so that nothing was sent.
    pub was_there: bool,
}

/// Why an image was not pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No registry answers at this address.
    #[error("no registry answers at {registry} over {scheme}{hint}")]
    Unreachable {
        /// Its address.
        registry: String,
        /// `http` or `https`.
        scheme: &'static str,
        /// What might help.
        hint: &'static str,
        /// The cause.
        source: OciDistributionError,
    },
    /// The registry rejected the credentials, or needs some.
    #[error("{registry} does not let us push to {repository}; credentials: {origin}")]
    Unauthorized {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// The user, and where the credentials were looked up.
        origin: String,
    },
    /// Any other rejection.
    #[error("{registry} refused the image")]
    Refused {
        /// The registry.
        registry: String,
        /// Its response.
        source: OciDistributionError,
    },
    /// The image under the tag is not the one that was sent.
    #[error("{registry} has the image with the digest {there}; it was sent as {sent}")]
    Altered {
        /// The registry.
        registry: String,
        /// The digest that the registry has.
        there: String,
        /// The digest that was sent.
        sent: String,
    },
}

/// Pushes an image, unless the registry has it already. Blobs that the registry has are not sent again; the tag is set last.
///
/// # Errors
/// [`PushError`].
pub async fn push(
    image: &Image,
    to: &Destination,
    credentials: &Credentials,
    progress: Progress,
) -> Result<Pushed, PushError> {
    let error = |source| failure(to, credentials, source);
    let pushed = |was_there| Pushed {
        url: to.url(),
        sha256: image.digest().trim_start_matches("sha256:").to_owned(),
        was_there,
    };
    let client = client(to).map_err(error)?;
    let (reference, auth) = (&to.reference, &credentials.auth);
    // Authentication comes first: where a later call fails to authenticate, it gives no reason.
    client
        .auth(reference, auth, RegistryOperation::Push)
        .await
        .map_err(error)?;
    if there(&client, to, auth)
        .await
        .is_ok_and(|there| there == image.digest())
    {
        return Ok(pushed(true));
    }

    let mut missing = Vec::new();
    for blob in &image.blobs {
        if !matches!(client.blob_exists(reference, &blob.digest).await, Ok(true)) {
            missing.push(blob);
        }
    }
    let total = missing.iter().map(|blob| blob.bytes.len()).sum();
    let mut sent = 0;
    for blob in missing {
        client
            .push_blob_stream(
                reference,
                pieces(blob, sent, total, Arc::clone(&progress)),
                &blob.digest,
                Some(blob.bytes.len() as u64),
            )
            .await
            .map_err(error)?;
        sent += blob.bytes.len();
    }
    let media_type = http::HeaderValue::from_static(OCI_IMAGE_MEDIA_TYPE);
    client
        .push_manifest_raw(reference, image.manifest.bytes.clone(), media_type)
        .await
        .map_err(error)?;

    let there = there(&client, to, auth).await.map_err(error)?;
    if there != image.digest() {
        return Err(PushError::Altered {
            registry: to.registry().to_owned(),
            there,
            sent: image.digest().to_owned(),
        });
    }
    Ok(pushed(false))
}

fn client(to: &Destination) -> Result<Client, OciDistributionError> {
    // If the process has already chosen a provider, that one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::try_from(ClientConfig {
        protocol: if to.plain_http() {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        // One request per blob: every registry supports it, and a filter is small.
        use_monolithic_push: true,
        connect_timeout: Some(CONNECT),
        read_timeout: Some(ANSWER),
        user_agent: concat!("stoa/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
}

/// The digest that the registry has under the tag.
async fn there(
    client: &Client,
    to: &Destination,
    auth: &RegistryAuth,
) -> Result<String, OciDistributionError> {
    client.fetch_manifest_digest(&to.reference, auth).await
}

/// A blob in pieces; each piece is reported when it is read.
fn pieces(
    blob: &Blob,
    before: usize,
    total: usize,
    progress: Progress,
) -> impl futures::Stream<Item = Result<Bytes, OciDistributionError>> + Send + use<> {
    let mut rest = blob.bytes.clone();
    let mut sent = before;
    stream::iter(std::iter::from_fn(move || {
        let piece = rest.split_to(PIECE.min(rest.len()));
        sent += piece.len();
        progress(sent, total);
        (!piece.is_empty()).then_some(Ok(piece))
    }))
}

fn failure(to: &Destination, by: &Credentials, source: OciDistributionError) -> PushError {
    use OciDistributionError as E;
    let registry = to.registry().to_owned();
    let no_entry =
        |code: &OciErrorCode| matches!(code, OciErrorCode::Unauthorized | OciErrorCode::Denied);
    let unauthorized = match &source {
        E::AuthenticationFailure(_) | E::UnauthorizedError { .. } => true,
        E::ServerError { code, .. } => matches!(code, 401 | 403),
        E::RegistryError { envelope, .. } => envelope.errors.iter().any(|e| no_entry(&e.code)),
        _ => false,
    };
    if unauthorized {
        return PushError::Unauthorized {
            registry,
            repository: to.reference.repository().to_owned(),
            origin: by.origin().to_owned(),
        };
    }
    match (source, to.plain_http()) {
        (source @ E::RequestError(_), true) => PushError::Unreachable {
            registry,
            scheme: "http",
            hint: "",
            source,
        },
        (source @ E::RequestError(_), false) => PushError::Unreachable {
            registry,
            scheme: "https",
            hint: " (--insecure speaks plain HTTP)",
            source,
        },
        (source, _) => PushError::Refused { registry, source },
    }
}
