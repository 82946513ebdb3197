//! A PostgreSQL server that requires TLS and passwords.

use std::path::{Path, PathBuf};

use stoa_postgres::{Certificate, Client, Durability, Server};
use tempfile::TempDir;

use crate::envoy::{Authority, Identity};
use crate::{SERVICES, ShopOptions};

/// The host in the server's certificate. The server listens at this address.
const HOST: &str = "127.0.0.1";

/// A PostgreSQL server that requires TLS and passwords. Its certificate is from an authority that only this test trusts.
pub struct TlsPostgres {
    server: Server,
    authority: Authority,
    folder: TempDir,
}

impl TlsPostgres {
    /// Starts the server.
    #[track_caller]
    pub fn start() -> Self {
        let authority = Authority::new();
        let identity = authority.server(HOST);
        let started = Server::start(Durability::None).and_then(|server| {
            server.require_tls_and_passwords(certificate(&identity))?;
            let folder = tempfile::tempdir()?;
            std::fs::write(authority_file(folder.path()), &identity.authority)?;
            Ok((server, folder))
        });
        match started {
            Ok((server, folder)) => Self {
                server,
                authority,
                folder,
            },
            Err(error) => panic!("cannot start PostgreSQL with TLS: {error}"),
        }
    }

    /// The server's host and port, such as `127.0.0.1:41234`.
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// The authority of the server's first certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The file with the certificate of the trusted authority, for the environment variable SSL_CERT_FILE.
    pub fn authority_file(&self) -> PathBuf {
        authority_file(self.folder.path())
    }

    /// Replaces the server's certificate.
    #[track_caller]
    pub fn use_certificate(&self, identity: &Identity) {
        if let Err(error) = self.server.use_certificate(certificate(identity)) {
            panic!("cannot replace the server's certificate: {error}");
        }
    }

    /// Turns TLS on or off. Without TLS, the server rejects all connections over TCP.
    #[track_caller]
    pub fn offer_tls(&self, on: bool) {
        if let Err(error) = self.server.offer_tls(on) {
            panic!("cannot turn TLS on or off: {error}");
        }
    }

    /// Connects to the database `postgres` as superuser.
    #[track_caller]
    pub fn administrator(&self) -> Client {
        match self.server.administrator("postgres") {
            Ok(client) => client,
            Err(error) => panic!("cannot connect as superuser: {error}"),
        }
    }

    /// Options for a shop that uses new databases in this server. Each service has a role and a password of its own. In `password`,
    /// `{service}` stands for the service's name.
    #[track_caller]
    pub fn options(&self, options: ShopOptions, password: &str) -> ShopOptions {
        let url = match self.server.databases_with_passwords(&SERVICES, password) {
            Ok(url) => url,
            Err(error) => panic!("cannot create databases: {error}"),
        };
        options
            .variable("database_url", format!("{url}?sslmode=require"))
            .variable("database_host", format!("postgres://{}", self.host()))
            .environment("SSL_CERT_FILE", self.authority_file())
    }
}

fn authority_file(folder: &Path) -> PathBuf {
    folder.join("authority.pem")
}

fn certificate(identity: &Identity) -> Certificate<'_> {
    Certificate {
        chain: &identity.certificate,
        key: &identity.key,
    }
}
