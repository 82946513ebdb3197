//! The certificates, the token and the kubeconfig of the control plane.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};

use crate::StartError;

/// The files of the credentials, all in one folder.
pub(crate) struct Credentials {
    folder: PathBuf,
    /// The bearer token of the administrator.
    token: String,
}

impl Credentials {
    /// Creates the credentials in `folder`.
    pub(crate) fn create(folder: &Path) -> Result<Self, StartError> {
        fs::create_dir_all(folder)?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority
            .distinguished_name
            .push(DnType::CommonName, "stoa test cluster");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let certificate = |name: &str, hosts: &[&str]| -> Result<(), StartError> {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            let mut server = CertificateParams::new(hosts)?;
            server.distinguished_name.push(DnType::CommonName, name);
            server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            let key = KeyPair::generate()?;
            let certificate = server.signed_by(&key, &authority)?;
            let directory = folder.join(name);
            fs::create_dir_all(&directory)?;
            fs::write(directory.join("tls.crt"), certificate.pem())?;
            fs::write(directory.join("tls.key"), key.serialize_pem())?;
            Ok(())
        };
        certificate(
            "apiserver",
            &["localhost", "127.0.0.1", "kubernetes.default.svc"],
        )?;
        certificate("webhooks", &["localhost", "127.0.0.1"])?;
        fs::write(folder.join("ca.crt"), authority.pem())?;
        fs::write(folder.join("ca.key"), authority.key().serialize_pem())?;
        let accounts = KeyPair::generate()?;
        fs::write(folder.join("accounts.key"), accounts.serialize_pem())?;
        fs::write(folder.join("accounts.pub"), accounts.public_key_pem())?;
        let token = uuid::Uuid::now_v7().to_string();
        fs::write(
            folder.join("tokens.csv"),
            format!("{token},admin,admin,system:masters\n"),
        )?;
        Ok(Self {
            folder: folder.to_owned(),
            token,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a kubeconfig for the API at this port. It has the administrator's token, which may do everything.
    pub(crate) fn write_kubeconfig(&self, port: u16) -> io::Result<PathBuf> {
        let path = self.path("kubeconfig");
        let config = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{port}"),
                "certificate-authority": self.path("ca.crt"),
            }}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        });
        fs::write(&path, config.to_string())?;
        Ok(path)
    }
}
