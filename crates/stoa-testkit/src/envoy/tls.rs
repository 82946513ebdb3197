//! Certificates like those of a mesh, and TLS for clients and servers in tests.

use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    ServerConfig, SignatureScheme, StreamOwned,
};

/// Address of every Envoy in a test. The Envoy's certificate contains the address.
const ENVOY_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A certificate authority for one test.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate for a SPIFFE identity or a host, with its key and the authority's certificate. The certificates and the key are in
/// PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key of the certificate.
    pub key: String,
    /// The certificate of the authority that signed the certificate of this identity.
    pub authority: String,
}

impl Authority {
    /// Creates an authority with a new key.
    #[track_caller]
    pub fn new() -> Self {
        Self::named("authority of a test")
    }

    /// Creates an authority with a new key and with this name.
    #[track_caller]
    pub fn named(name: &str) -> Self {
        let made = KeyPair::generate().and_then(|key| {
            let mut params = CertificateParams::new([])?;
            params.distinguished_name.push(DnType::CommonName, name);
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
            Err(error) => panic!("cannot create a certificate authority: {error}"),
        }
    }

    /// Issues a certificate for a SPIFFE identity such as `spiffe://cluster.local/ns/shop/sa/order`.
    #[track_caller]
    pub fn identity(&self, uri: &str) -> Identity {
        let name = uri.try_into().map(SanType::URI);
        self.sign(
            uri,
            name.map(|name| vec![name, SanType::IpAddress(ENVOY_ADDRESS)]),
        )
    }

    /// Issues a certificate for a host such as `processor.example.com` or `127.0.0.1`.
    #[track_caller]
    pub fn server(&self, host: &str) -> Identity {
        self.sign(host, host_name(host).map(|name| vec![name]))
    }

    /// Issues a certificate for a host. The certificate has expired.
    #[track_caller]
    pub fn expired_server(&self, host: &str) -> Identity {
        let expired = |params: &mut CertificateParams| {
            params.not_after = (SystemTime::now() - Duration::from_secs(3600)).into();
        };
        self.sign_with(host, host_name(host).map(|name| vec![name]), expired)
    }

    /// Issues a certificate whose only name of the host is the subject's common name, as in old certificates.
    #[track_caller]
    pub fn server_without_alternative_name(&self, host: &str) -> Identity {
        let common_name = |params: &mut CertificateParams| {
            params.distinguished_name.push(DnType::CommonName, host);
        };
        self.sign_with(host, Ok(Vec::new()), common_name)
    }

    #[track_caller]
    fn sign(&self, subject: &str, names: Result<Vec<SanType>, rcgen::Error>) -> Identity {
        self.sign_with(subject, names, |_| {})
    }

    #[track_caller]
    fn sign_with(
        &self,
        subject: &str,
        names: Result<Vec<SanType>, rcgen::Error>,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let made = KeyPair::generate().and_then(|key| {
            let mut params = CertificateParams::new([])?;
            // As in a mesh, the certificate's subject is empty. If its subject were the same as the authority's, the certificate
            // would look self-signed.
            params.distinguished_name = DistinguishedName::new();
            params.subject_alt_names = names?;
            change(&mut params);
            let certificate = params.signed_by(&key, &self.issuer)?.pem();
            Ok(Identity {
                certificate,
                key: key.serialize_pem(),
                authority: self.certificate.clone(),
            })
        });
        issued(subject, made)
    }
}

impl Identity {
    /// Creates a certificate authority that is also the server: the authority's own certificate contains the host's name.
    #[track_caller]
    pub fn self_signed_authority(host: &str) -> Self {
        let made = KeyPair::generate().and_then(|key| {
            let mut params = CertificateParams::new([])?;
            params.subject_alt_names = vec![host_name(host)?];
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let certificate = params.self_signed(&key)?.pem();
            Ok(Self {
                authority: certificate.clone(),
                certificate,
                key: key.serialize_pem(),
            })
        });
        issued(host, made)
    }
}

#[track_caller]
fn issued(subject: &str, identity: Result<Identity, rcgen::Error>) -> Identity {
    match identity {
        Ok(identity) => identity,
        Err(error) => panic!("cannot issue a certificate for {subject}: {error}"),
    }
}

fn host_name(host: &str) -> Result<SanType, rcgen::Error> {
    match host.parse() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => host.try_into().map(SanType::DnsName),
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// The TLS configuration of a client, with or without a client certificate.
#[derive(Debug, Clone)]
pub(super) struct Caller(Arc<ClientConfig>);

impl Caller {
    #[track_caller]
    pub(super) fn new(identity: &Identity) -> Self {
        match config(identity) {
            Ok(config) => Self(Arc::new(config)),
            Err(error) => panic!("cannot configure TLS for a client: {error}"),
        }
    }

    /// A client that presents the certificate of `identity`, and accepts only a server whose SPIFFE identity is `server`.
    pub(super) fn expecting(
        identity: &Identity,
        server: &str,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let roots = Arc::new(roots(&identity.authority)?);
        let verifier = Spiffe {
            chain: WebPkiServerVerifier::builder_with_provider(roots, provider()).build()?,
            uri: server.to_owned(),
        };
        let (chain, key) = chain_and_key(identity)?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = builder.with_client_auth_cert(chain, key)?;
        // Sidecars use this ALPN protocol, and recognize other sidecars by it.
        config.alpn_protocols = vec![b"istio".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// A client that presents no certificate. It accepts a server on this machine whose certificate is signed by `authority`.
    pub(super) fn without_certificate(
        authority: &str,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?;
        let config = builder
            .with_root_certificates(roots(authority)?)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn start_tls(
        &self,
        socket: TcpStream,
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let client =
            ClientConnection::new(self.0.clone(), ServerName::IpAddress(ENVOY_ADDRESS.into()));
        let client = client.map_err(std::io::Error::other)?;
        Ok(StreamOwned::new(client, socket))
    }
}

fn config(identity: &Identity) -> Result<ClientConfig, Box<dyn std::error::Error + Send + Sync>> {
    let (chain, key) = chain_and_key(identity)?;
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(&identity.authority)?)
        .with_client_auth_cert(chain, key)?)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

type ChainAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn chain_and_key(identity: &Identity) -> Result<ChainAndKey, rustls::pki_types::pem::Error> {
    let chain = vec![CertificateDer::from_pem_slice(
        identity.certificate.as_bytes(),
    )?];
    Ok((
        chain,
        PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?,
    ))
}

fn roots(authority: &str) -> Result<RootCertStore, Box<dyn std::error::Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
    Ok(roots)
}

/// The TLS configuration of a server that does not request client certificates.
#[track_caller]
pub(crate) fn server(identity: &Identity) -> Arc<ServerConfig> {
    let made = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
        let (chain, key) = chain_and_key(identity)?;
        Ok(ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?)
    };
    match made() {
        Ok(config) => Arc::new(config),
        Err(error) => panic!("cannot configure TLS for a server: {error}"),
    }
}

/// Verifies a server by its SPIFFE identity, because the server's certificate has no DNS name.
#[derive(Debug)]
struct Spiffe {
    chain: Arc<WebPkiServerVerifier>,
    uri: String,
}

impl ServerCertVerifier for Spiffe {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self
            .chain
            .verify_server_cert(end_entity, intermediates, name, ocsp, now);
        match verified {
            // The verifier reports this error if the certificate chain is valid and only the host name does not match. The host
            // name does not matter, because the SPIFFE identity is checked below.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let uri = self.uri.as_bytes();
        // In the DER of a certificate, a URI is stored as plain text after a tag byte and a length byte.
        let tagged = [&[0x86, u8::try_from(uri.len()).unwrap_or(0)], uri].concat();
        if end_entity.windows(tagged.len()).any(|part| part == tagged) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::NotValidForName.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
