//! The mesh's certificate authority. It lives as long as the mesh, and its key is nowhere but in memory.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

/// Clocks differ; here it is one clock, but a certificate may be used in the second in which it was made.
const BEFORE: Duration = Duration::from_secs(60);
/// Of the authority itself.
const LONG: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What signs certificates.
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
        let mut params = valid(CertificateParams::new([])?, LONG);
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

    /// A certificate for a SPIFFE identity. It has no other name, as Istio's has none.
    pub(crate) fn identity(
        &self,
        uri: &str,
        lifetime: Duration,
    ) -> Result<Certified, rcgen::Error> {
        self.sign(vec![SanType::URI(uri.try_into()?)], lifetime)
    }

    /// A certificate for whoever answers browsers on this machine.
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
        // None, as in a mesh; the authority's own would make it look self-signed.
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
    params.not_before = (now - BEFORE).into();
    params.not_after = (now + lifetime).into();
    params
}
