//! The mesh's certificate authority. The authority lives as long as the mesh, and its key exists only in memory.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

/// The start of a certificate's validity lies this long before its creation. Programs on one machine share a clock, so one minute
/// is enough. It must not be zero, because a program may use a certificate in the second in which the certificate was created.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Lifetime of the authority's own certificate.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Signs the mesh's certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate and its key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateAndKey {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = with_validity(CertificateParams::new([])?, AUTHORITY_LIFETIME);
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

    /// The authority's own certificate, in PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for a SPIFFE identity. The identity is the certificate's only name, as with Istio.
    pub(crate) fn identity_certificate(
        &self,
        uri: &str,
        lifetime: Duration,
    ) -> Result<CertificateAndKey, rcgen::Error> {
        self.sign(vec![SanType::URI(uri.try_into()?)], lifetime)
    }

    /// A certificate for the gateway. The certificate contains the names by which browsers on this machine call the gateway.
    pub(crate) fn gateway_certificate(
        &self,
        lifetime: Duration,
    ) -> Result<CertificateAndKey, rcgen::Error> {
        let loopback = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(loopback),
        ];
        self.sign(names, lifetime)
    }

    fn sign(
        &self,
        names: Vec<SanType>,
        lifetime: Duration,
    ) -> Result<CertificateAndKey, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = with_validity(CertificateParams::new([])?, lifetime);
        // As with Istio, the subject name in the certificate is empty. If the subject name were the same as in the authority's
        // certificate, the certificate would look self-signed.
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        Ok(CertificateAndKey {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn with_validity(mut params: CertificateParams, lifetime: Duration) -> CertificateParams {
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
        let identity = authority
            .identity_certificate(URI, lifetime)
            .expect("a certificate");
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
            .expect("an extended key usage");
        assert!(
            usage.value.server_auth && usage.value.client_auth,
            "both ends of a connection present the certificate"
        );
    }

    #[test]
    fn a_certificate_is_valid_from_now_for_the_requested_lifetime() {
        let authority = Authority::new().expect("an authority");
        let identity = authority
            .identity_certificate(URI, Duration::from_secs(600))
            .expect("a certificate");
        let pem = pem(&identity.certificate);
        let certificate = pem.parse_x509().expect("X.509");
        assert!(certificate.validity().is_valid());
        let remaining = certificate
            .validity()
            .time_to_expiration()
            .expect("a remaining time");
        assert!(
            (590..=600).contains(&remaining.whole_seconds()),
            "{remaining}"
        );
    }

    #[test]
    fn each_certificate_has_its_own_key_and_serial_number() {
        let authority = Authority::new().expect("an authority");
        let identity = || {
            authority
                .identity_certificate(URI, Duration::from_secs(600))
                .expect("a certificate")
        };
        let (one, other) = (identity(), identity());
        assert_ne!(one.key, other.key);
        let serial = |certified: &CertificateAndKey| {
            pem(&certified.certificate)
                .parse_x509()
                .expect("X.509")
                .raw_serial_as_string()
        };
        assert_ne!(serial(&one), serial(&other));
    }

    #[test]
    fn the_gateway_certificate_has_the_name_localhost() {
        let authority = Authority::new().expect("an authority");
        let server = authority
            .gateway_certificate(Duration::from_secs(600))
            .expect("a certificate");
        let pem = pem(&server.certificate);
        let certificate = pem.parse_x509().expect("X.509");
        assert_eq!(names(&certificate), ["DNS localhost", "IP [127, 0, 0, 1]"]);
    }

    #[test]
    fn an_identity_that_is_not_a_uri_is_rejected() {
        let authority = Authority::new().expect("an authority");
        assert!(
            authority
                .identity_certificate("spiffe://\u{e4}", Duration::from_secs(1))
                .is_err()
        );
    }
}
