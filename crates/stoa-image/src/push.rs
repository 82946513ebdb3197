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

/// Connect timeout. A reachable registry accepts a connection within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Read timeout. It also limits the time for sending one blob, so it is long: a blob of 256 MiB takes 256 s at 1 MiB/s. The
/// largest blobs are filters, of which Istio accepts at most 256 MiB.
const READ_TIMEOUT: Duration = Duration::from_secs(300);
/// A blob is sent in pieces of this many bytes. The progress is reported after each piece.
const PIECE_BYTES: usize = 256 << 10;

/// A function that the push calls to report its progress: the number of bytes sent, and the total number of bytes to send.
pub type Progress = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// The result of a push: the image is in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The registry, the repository and the tag.
    pub reference: String,
    /// The manifest's digest: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// True if the tag already pointed to this image. Nothing was sent then.
    pub already_present: bool,
}

/// The reason why a push failed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No registry responds at the destination's address.
    #[error("no registry responds at {registry} over {scheme}{hint}")]
    Unreachable {
        /// The address of the registry.
        registry: String,
        /// `http` or `https`.
        scheme: &'static str,
        /// A suggestion for the user. May be empty.
        hint: &'static str,
        /// The cause.
        source: OciDistributionError,
    },
    /// The registry rejected the credentials, or requires credentials.
    #[error("{registry} rejected the push to {repository}; the push was made {origin}")]
    Unauthorized {
        /// The address of the registry.
        registry: String,
        /// The name of the repository.
        repository: String,
        /// The user and the source of the credentials: see [`Credentials::origin`].
        origin: String,
    },
    /// The registry rejected the image for a reason other than the credentials.
    #[error("{registry} rejected the image")]
    Refused {
        /// The address of the registry.
        registry: String,
        /// The response of the registry.
        source: OciDistributionError,
    },
    /// After the push, the tag in the registry points to another image than the one that was sent.
    #[error(
        "after the push, the tag in {registry} points to the image {stored}, not to the image {sent} that was sent"
    )]
    Altered {
        /// The address of the registry.
        registry: String,
        /// The digest of the image to which the tag points.
        stored: String,
        /// The digest of the image that was sent.
        sent: String,
    },
}

/// Pushes an image, unless the tag already points to this image. Blobs that the registry already has are not sent again. The tag is
/// set last.
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
    let pushed = |already_present| Pushed {
        reference: to.reference(),
        digest: image.digest().to_owned(),
        already_present,
    };
    let client = client(to).map_err(error)?;
    let (reference, auth) = (&to.reference, &credentials.auth);
    // Authenticates first, because an authentication error in a later call would not contain the reason.
    client
        .auth(reference, auth, RegistryOperation::Push)
        .await
        .map_err(error)?;
    if stored_digest(&client, to, auth)
        .await
        .is_ok_and(|stored| stored == image.digest())
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

    let stored = stored_digest(&client, to, auth).await.map_err(error)?;
    if stored != image.digest() {
        return Err(PushError::Altered {
            registry: to.registry().to_owned(),
            stored,
            sent: image.digest().to_owned(),
        });
    }
    Ok(pushed(false))
}

fn client(to: &Destination) -> Result<Client, OciDistributionError> {
    // If the process has already installed a cryptography provider for TLS, this call fails, and the installed provider stays in
    // use. So the error is ignored.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::try_from(ClientConfig {
        protocol: if to.plain_http() {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        // Sends each blob in one request, because every registry supports this way, and because a .wasm file is small.
        use_monolithic_push: true,
        connect_timeout: Some(CONNECT_TIMEOUT),
        read_timeout: Some(READ_TIMEOUT),
        user_agent: concat!("stoa/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
}

/// The digest of the image to which the tag in the registry points.
async fn stored_digest(
    client: &Client,
    to: &Destination,
    auth: &RegistryAuth,
) -> Result<String, OciDistributionError> {
    client.fetch_manifest_digest(&to.reference, auth).await
}

/// Splits a blob into pieces. Each time the HTTP client reads a piece to send it, the progress is reported.
fn pieces(
    blob: &Blob,
    before: usize,
    total: usize,
    progress: Progress,
) -> impl futures::Stream<Item = Result<Bytes, OciDistributionError>> + Send + use<> {
    let mut rest = blob.bytes.clone();
    let mut sent = before;
    stream::iter(std::iter::from_fn(move || {
        let piece = rest.split_to(PIECE_BYTES.min(rest.len()));
        sent += piece.len();
        progress(sent, total);
        (!piece.is_empty()).then_some(Ok(piece))
    }))
}

fn failure(to: &Destination, credentials: &Credentials, source: OciDistributionError) -> PushError {
    use OciDistributionError as E;
    let registry = to.registry().to_owned();
    let is_denied =
        |code: &OciErrorCode| matches!(code, OciErrorCode::Unauthorized | OciErrorCode::Denied);
    let unauthorized = match &source {
        E::AuthenticationFailure(_) | E::UnauthorizedError { .. } => true,
        E::ServerError { code, .. } => matches!(code, 401 | 403),
        E::RegistryError { envelope, .. } => envelope.errors.iter().any(|e| is_denied(&e.code)),
        _ => false,
    };
    if unauthorized {
        return PushError::Unauthorized {
            registry,
            repository: to.reference.repository().to_owned(),
            origin: credentials.origin().to_owned(),
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
            hint: " (use --insecure for plain HTTP)",
            source,
        },
        (source, _) => PushError::Refused { registry, source },
    }
}
