//! Where an image is pushed to.

use std::net::IpAddr;

use oci_client::{ParseError, Reference};

/// A repository in a registry, and the tag that an image gets there.
#[derive(Debug, Clone)]
pub struct Destination {
    pub(crate) reference: Reference,
    tag: String,
    plain_http: bool,
}

/// Why a text is not a destination.
#[derive(Debug, thiserror::Error)]
pub enum WrongDestination {
    /// It is not a reference to an image.
    #[error("{0:?} is not REGISTRY/REPOSITORY:TAG")]
    Reference(String, #[source] ParseError),
    /// A reference without a tag means `latest`, which Istio fetches again and again.
    #[error("{0:?} has no tag: write it as {0}:TAG, such as {0}:0.1.0")]
    NoTag(String),
    /// It has a digest, but the digest is the result of packing.
    #[error("{0:?} names a digest: push to a tag")]
    Digest(String),
}

impl Destination {
    /// Reads `REGISTRY/REPOSITORY:TAG`, with or without `oci://` before it. A registry on this machine is called over plain
    /// HTTP, another one only if `insecure` is true.
    ///
    /// # Errors
    /// [`WrongDestination`].
    pub fn new(text: &str, insecure: bool) -> Result<Self, WrongDestination> {
        let text = text.strip_prefix("oci://").unwrap_or(text);
        let reference = Reference::try_from(text)
            .map_err(|error| WrongDestination::Reference(text.to_owned(), error))?;
        if reference.digest().is_some() {
            return Err(WrongDestination::Digest(text.to_owned()));
        }
        // The parser adds the tag `latest` where there is none.
        let last = text.rsplit('/').next().unwrap_or_default();
        let tag = match (last.split_once(':'), reference.tag()) {
            (Some(_), Some(tag)) => tag.to_owned(),
            _ => return Err(WrongDestination::NoTag(text.to_owned())),
        };
        let plain_http = insecure || is_loopback(reference.registry());
        Ok(Self {
            reference,
            tag,
            plain_http,
        })
    }

    /// The registry, as its address is written.
    pub fn registry(&self) -> &str {
        self.reference.registry()
    }

    /// Whether the registry is called without TLS.
    pub fn plain_http(&self) -> bool {
        self.plain_http
    }

    /// The `url` of a WasmPlugin.
    pub fn url(&self) -> String {
        format!("oci://{}", self.reference)
    }

    /// The name of its image in a layout: `payment-fault:0.1.0` for `…/shop/payment-fault:0.1.0`.
    pub fn image(&self) -> String {
        let repository = self.reference.repository();
        let name = repository.rsplit('/').next().unwrap_or(repository);
        format!("{name}:{}", self.tag)
    }
}

fn is_loopback(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => registry,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_registry_repository_and_tag() {
        let to =
            Destination::new("oci://registry.example/shop/payment-fault:0.1.0", false).unwrap();
        assert_eq!(to.registry(), "registry.example");
        assert_eq!(to.url(), "oci://registry.example/shop/payment-fault:0.1.0");
        assert_eq!(to.image(), "payment-fault:0.1.0");
        assert!(!to.plain_http());
    }

    #[test]
    fn speaks_plain_http_on_this_machine_and_elsewhere_only_if_told() {
        for (registry, plain) in [
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.8.9.1", true),
            ("localhost.example:5000", false),
            ("127.0.0.1.example:5000", false),
            ("192.168.1.9:5000", false),
        ] {
            let text = format!("{registry}/a:1");
            assert_eq!(
                Destination::new(&text, false).unwrap().plain_http(),
                plain,
                "{text}"
            );
            assert!(Destination::new(&text, true).unwrap().plain_http());
        }
    }

    #[test]
    fn refuses_what_has_no_tag_or_names_a_digest() {
        let error = |text: &str| Destination::new(text, false).unwrap_err().to_string();
        assert!(error("127.0.0.1:5000/a").contains("127.0.0.1:5000/a:TAG"));
        assert!(error("registry.example/a@sha256:1").contains("REGISTRY/REPOSITORY:TAG"));
        let digest = format!("registry.example/a@sha256:{}", "0".repeat(64));
        assert!(error(&digest).contains("push to a tag"));
        for text in [
            "",
            "registry.example/A:1",
            "registry.example/a:",
            "https://r.example/a:1",
        ] {
            assert!(error(text).contains("REGISTRY/REPOSITORY:TAG"), "{text}");
        }
    }
}
