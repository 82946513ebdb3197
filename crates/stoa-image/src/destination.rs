//! The destination of a push.

use std::net::IpAddr;

use oci_client::{ParseError, Reference};

/// The registry, repository and tag to which an image is pushed.
#[derive(Debug, Clone)]
pub struct Destination {
    pub(crate) reference: Reference,
    tag: String,
    plain_http: bool,
}

/// An error in the text of a destination.
#[derive(Debug, thiserror::Error)]
pub enum WrongDestination {
    /// The text is not a reference to an image.
    #[error("{0:?}: expected REGISTRY/REPOSITORY:TAG")]
    Reference(String, #[source] ParseError),
    /// The text has no tag. Without a tag, the reference would mean `latest`, which names another image after each push.
    #[error("{0:?} has no tag: expected {0}:TAG, such as {0}:0.1.0")]
    NoTag(String),
    /// The text has no registry. Without a registry, the reference would mean Docker Hub, which a mistake in a name must not select.
    #[error("{0:?} has no registry: expected REGISTRY/{0}, such as registry.example/{0}")]
    NoRegistry(String),
    /// The text has a digest. The digest of an image is known only after packing, so it cannot be given.
    #[error("{0:?} has a digest: expected a tag instead, because packing computes the digest")]
    Digest(String),
}

impl Destination {
    /// Reads `REGISTRY/REPOSITORY:TAG` or `oci://REGISTRY/REPOSITORY:TAG`. A registry on this machine is called over plain HTTP.
    /// Any other registry is called over plain HTTP only if `insecure` is true.
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
        // The parser adds the registry `docker.io` to a reference without a registry, and replaces its old name.
        let first = text.split_once('/').map_or("", |(first, _)| first);
        if first != reference.registry() && first != "index.docker.io" {
            return Err(WrongDestination::NoRegistry(text.to_owned()));
        }
        // The parser adds the tag `latest` to a reference without a tag. So this code also checks that the text itself contains a
        // tag.
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

    /// The address of the registry, such as `registry.example:5000`.
    pub fn registry(&self) -> &str {
        self.reference.registry()
    }

    /// Whether the registry is called without TLS.
    pub fn plain_http(&self) -> bool {
        self.plain_http
    }

    /// The registry, the repository and the tag, such as `registry.example/shop/payment-fault:0.1.0`.
    pub fn reference(&self) -> String {
        self.reference.to_string()
    }

    /// The registry and the repository, such as `registry.example/shop/payment-fault`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry(), self.reference.repository())
    }

    /// The reference of the image in a layout, without registry and folders: `payment-fault:0.1.0` for the destination
    /// `…/shop/payment-fault:0.1.0`.
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
    fn a_destination_has_a_registry_a_repository_and_a_tag() {
        let to =
            Destination::new("oci://registry.example/shop/payment-fault:0.1.0", false).unwrap();
        assert_eq!(to.registry(), "registry.example");
        assert_eq!(to.reference(), "registry.example/shop/payment-fault:0.1.0");
        assert_eq!(to.repository(), "registry.example/shop/payment-fault");
        assert_eq!(to.image(), "payment-fault:0.1.0");
        assert!(!to.plain_http());
    }

    #[test]
    fn plain_http_is_used_on_this_machine_and_elsewhere_only_if_insecure() {
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
    fn a_destination_without_a_registry_or_a_tag_or_with_a_digest_is_rejected() {
        let error = |text: &str| Destination::new(text, false).unwrap_err().to_string();
        assert!(error("127.0.0.1:5000/a").contains("127.0.0.1:5000/a:TAG"));
        for text in ["payment-fault:1", "shop/payment-fault:1", "r_example/a:1"] {
            assert!(error(text).contains("has no registry"), "{text}");
        }
        for text in ["docker.io/a/b:1", "index.docker.io/a/b:1", "localhost/a:1"] {
            assert!(Destination::new(text, false).is_ok(), "{text}");
        }
        assert!(error("registry.example/a@sha256:1").contains("REGISTRY/REPOSITORY:TAG"));
        let digest = format!("registry.example/a@sha256:{}", "0".repeat(64));
        assert!(error(&digest).contains("expected a tag"));
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
