//! Identities as a mesh gives them, and connections that show one.

use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Every Envoy of a test listens here, so its certificate names it.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What signs certificates; it lives as long as a test.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate for a SPIFFE identity, its key, and the certificate of the authority that signed it, all PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// The authority's certificate.
    pub authority: String,
}

impl Authority {
    /// A new one.
    #[track_caller]
    pub fn new() -> Self {
        let made = KeyPair::generate().and_then(|key| {
            let mut params = CertificateParams::new([])?;
            params
                .distinguished_name
                .push(DnType::CommonName, "authority of a test");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let certificate = params.self_signed(&key)?.pem();
            let issuer = Issuer::new(params, key);
            Ok(Self {
                issuer,
                certificate,
            })
        });
        match made {
            Ok(authority) => authority,
            Err(error) => panic!("a certificate authority: {error}"),
        }
    }

    /// A certificate for `spiffe://cluster.local/ns/shop/sa/order` and the like.
    #[track_caller]
    pub fn identity(&self, uri: &str) -> Identity {
        let made = KeyPair::generate().and_then(|key| {
            let mut params = CertificateParams::new([])?;
            // None, as in a mesh; the authority's own would make it look self-signed.
            params.distinguished_name = DistinguishedName::new();
            params.subject_alt_names =
                vec![SanType::URI(uri.try_into()?), SanType::IpAddress(HERE)];
            let certificate = params.signed_by(&key, &self.issuer)?.pem();
            Ok(Identity {
                certificate,
                key: key.serialize_pem(),
                authority: self.certificate.clone(),
            })
        });
        match made {
            Ok(identity) => identity,
            Err(error) => panic!("a certificate for {uri}: {error}"),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// The client's side of mutual TLS.
#[derive(Debug, Clone)]
pub(super) struct Caller(Arc<ClientConfig>);

impl Caller {
    #[track_caller]
    pub(super) fn new(identity: &Identity) -> Self {
        match config(identity) {
            Ok(config) => Self(Arc::new(config)),
            Err(error) => panic!("TLS for a caller: {error}"),
        }
    }

    pub(super) fn over(
        &self,
        socket: TcpStream,
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let client = ClientConnection::new(self.0.clone(), ServerName::IpAddress(HERE.into()));
        let client = client.map_err(std::io::Error::other)?;
        Ok(StreamOwned::new(client, socket))
    }
}

fn config(identity: &Identity) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes());
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&identity.authority)?)?;
    let chain = vec![certificate(&identity.certificate)?];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
    Ok(
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?,
    )
}
