//! The mesh's certificate authority. It lives as long as the mesh; its key exists only in memory.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

/// How long before its creation a certificate is valid. Here there is one clock, but a certificate may be used in the second it is made.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Lifetime of the authority's own certificate.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Signs the mesh's certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certified {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = valid(CertificateParams::new([])?, AUTHORITY_LIFETIME);
        params
            .distinguished_name
            .push(DnType::CommonName, "stoa local mesh");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
        })
    }

    /// The authority's own certificate, PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for a SPIFFE identity. Like Istio's, it has no other name.
    pub(crate) fn identity(
        &self,
        uri: &str,
        lifetime: Duration,
    ) -> Result<Certified, rcgen::Error> {
        self.sign(vec![SanType::URI(uri.try_into()?)], lifetime)
    }

    /// A certificate for the gateway, which browsers on this machine call.
    pub(crate) fn server(&self, lifetime: Duration) -> Result<Certified, rcgen::Error> {
        let here = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(here),
        ];
        self.sign(names, lifetime)
    }

    fn sign(&self, names: Vec<SanType>, lifetime: Duration) -> Result<Certified, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = valid(CertificateParams::new([])?, lifetime);
        // No distinguished name, as in a mesh: the authority's own would make the certificate look self-signed.
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        Ok(Certified {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn valid(mut params: CertificateParams, lifetime: Duration) -> CertificateParams {
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + lifetime).into();
    params
}

#[cfg(test)]
mod tests {
    use x509_parser::certificate::X509Certificate;
    use x509_parser::extensions::GeneralName;
    use x509_parser::pem::Pem;

    use super::*;

    const URI: &str = "spiffe://cluster.local/ns/shop/sa/cart";

    fn pem(text: &str) -> Pem {
        let mut all = Pem::iter_from_buffer(text.as_bytes());
        all.next().expect("a certificate").expect("PEM")
    }

    fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
        let names = certificate
            .subject_alternative_name()
            .expect("readable")
            .expect("names");
        let name = |name: &GeneralName<'_>| match name {
            GeneralName::URI(uri) => format!("URI {uri}"),
            GeneralName::DNSName(name) => format!("DNS {name}"),
            GeneralName::IPAddress(address) => format!("IP {address:?}"),
            other => format!("{other}"),
        };
        names.value.general_names.iter().map(name).collect()
    }

    #[test]
    fn an_identity_is_a_spiffe_uri_and_nothing_else() {
        let authority = Authority::new().expect("an authority");
        let lifetime = Duration::from_secs(3600);
        let identity = authority.identity(URI, lifetime).expect("a certificate");
        let (pem, root) = (pem(&identity.certificate), pem(authority.certificate()));
        let (certificate, root) = (
            pem.parse_x509().expect("X.509"),
            root.parse_x509().expect("X.509"),
        );
        assert_eq!(names(&certificate), [format!("URI {URI}")]);
        assert_eq!(certificate.subject().iter().count(), 0);
        assert_eq!(certificate.issuer(), root.subject());
        assert!(!certificate.is_ca() && root.is_ca());
        let usage = certificate
            .extended_key_usage()
            .expect("readable")
            .expect("there");
        assert!(
            usage.value.server_auth && usage.value.client_auth,
            "both ends show it"
        );
    }

    #[test]
    fn a_certificate_is_valid_from_now_for_as_long_as_it_was_asked() {
        let authority = Authority::new().expect("an authority");
        let identity = authority
            .identity(URI, Duration::from_secs(600))
            .expect("a certificate");
        let pem = pem(&identity.certificate);
        let certificate = pem.parse_x509().expect("X.509");
        assert!(certificate.validity().is_valid());
        let left = certificate.validity().time_to_expiration().expect("some");
        assert!((590..=600).contains(&left.whole_seconds()), "{left}");
    }

    #[test]
    fn each_certificate_has_a_key_and_a_number_of_its_own() {
        let authority = Authority::new().expect("an authority");
        let identity = || {
            authority
                .identity(URI, Duration::from_secs(600))
                .expect("a certificate")
        };
        let (one, other) = (identity(), identity());
        assert_ne!(one.key, other.key);
        let number = |of: &Certified| {
            pem(&of.certificate)
                .parse_x509()
                .expect("X.509")
                .raw_serial_as_string()
        };
        assert_ne!(number(&one), number(&other));
    }

    #[test]
    fn what_answers_browsers_is_called_localhost() {
        let authority = Authority::new().expect("an authority");
        let server = authority
            .server(Duration::from_secs(600))
            .expect("a certificate");
        let pem = pem(&server.certificate);
        let certificate = pem.parse_x509().expect("X.509");
        assert_eq!(names(&certificate), ["DNS localhost", "IP [127, 0, 0, 1]"]);
    }

    #[test]
    fn no_identity_is_made_of_what_is_no_uri() {
        let authority = Authority::new().expect("an authority");
        assert!(
            authority
                .identity("spiffe://\u{e4}", Duration::from_secs(1))
                .is_err()
        );
    }
}
