//! Sending an image to a registry.

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

/// A registry that is there answers within this.
const CONNECT: Duration = Duration::from_secs(10);
/// Covers sending a blob as well, so it is long: 256 MiB, the most Istio takes, at 1 MiB a second.
const ANSWER: Duration = Duration::from_secs(300);
/// How much is sent between two reports of progress.
const PIECE: usize = 256 << 10;

/// Told how many bytes of the image were sent, and how many there are to send.
pub type Progress = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// An image that is in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The `url` of a WasmPlugin.
    pub url: String,
    /// The `sha256` of a WasmPlugin: the manifest's digest, 64 hexadecimal digits.
    pub sha256: String,
    /// Whether it was there before, under this tag, so that nothing was sent.
    pub was_there: bool,
}

/// Why an image was not pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Nobody answers as a registry there.
    #[error("no registry answers at {registry} over {scheme}{hint}")]
    Unreachable {
        /// Where.
        registry: String,
        /// `http` or `https`.
        scheme: &'static str,
        /// What might help.
        hint: &'static str,
        /// What happened.
        source: OciDistributionError,
    },
    /// It wants to be told who pushes, or it was told and lets him not.
    #[error("{registry} does not let us push to {repository}; it was asked {origin}")]
    Unauthorized {
        /// Which registry.
        registry: String,
        /// Which repository.
        repository: String,
        /// Whose credentials, and where they were looked for.
        origin: String,
    },
    /// Any other answer that is no yes.
    #[error("{registry} refused the image")]
    Refused {
        /// Which registry.
        registry: String,
        /// What it said.
        source: OciDistributionError,
    },
    /// What it has under the tag is not what was sent.
    #[error("{registry} says the image has the digest {there}, and it was sent as {sent}")]
    Altered {
        /// Which registry.
        registry: String,
        /// What it has.
        there: String,
        /// What was sent.
        sent: String,
    },
}

/// Pushes an image, or finds that it is there already. Contents that are there are not sent again; the tag is set last.
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
    // What fails in here later on, fails without a reason.
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
    // Whoever else chose one in this process may keep it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::try_from(ClientConfig {
        protocol: if to.plain_http() {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        // One request a blob: what every registry knows, and a filter is small.
        use_monolithic_push: true,
        connect_timeout: Some(CONNECT),
        read_timeout: Some(ANSWER),
        user_agent: concat!("stoa/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
}

/// The digest of what the registry has under the tag.
async fn there(
    client: &Client,
    to: &Destination,
    auth: &RegistryAuth,
) -> Result<String, OciDistributionError> {
    client.fetch_manifest_digest(&to.reference, auth).await
}

/// A blob in pieces, each reported as it is asked for.
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
