//! TLS and passwords of a server. The settings apply to new connections, without a restart of the server.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::{NOBODY_ID, Server, StartError};

/// Deadline for the server to load changed settings.
const RELOAD_DEADLINE: Duration = Duration::from_secs(30);
/// PostgreSQL's rules for connections. The superuser connects through the Unix domain socket. All other connections need TLS and a
/// password.
const RULES: &str = "\
local   all postgres     trust
hostssl all all      all scram-sha-256
";

/// The certificate of a server, with its private key. Both are in PEM.
#[derive(Debug, Clone, Copy)]
pub struct Certificate<'a> {
    /// The certificate, and the intermediate certificates if there are any.
    pub chain: &'a str,
    /// The private key.
    pub key: &'a str,
}

impl Server {
    /// From now on, the server requires TLS and a password (SCRAM-SHA-256) for connections over TCP.
    ///
    /// # Errors
    /// If a file cannot be written, or the server does not load its settings.
    pub fn require_tls_and_passwords(
        &self,
        certificate: Certificate<'_>,
    ) -> Result<(), StartError> {
        std::fs::write(self.folder.join("data/pg_hba.conf"), RULES)?;
        self.write_certificate(certificate)?;
        let mut administrator = self.administrator("postgres")?;
        for (setting, value) in [
            ("ssl_cert_file", self.certificate_file()),
            ("ssl_key_file", self.key_file()),
            ("password_encryption", "scram-sha-256".to_owned()),
        ] {
            administrator.batch_execute(&format!("ALTER SYSTEM SET {setting} = '{value}'"))?;
        }
        self.offer_tls(true)
    }

    /// Replaces the server's certificate.
    ///
    /// # Errors
    /// If a file cannot be written, or the server does not load its settings.
    pub fn use_certificate(&self, certificate: Certificate<'_>) -> Result<(), StartError> {
        self.write_certificate(certificate)?;
        self.reload()
    }

    /// Turns TLS on or off.
    ///
    /// # Errors
    /// If the server does not load its settings.
    pub fn offer_tls(&self, on: bool) -> Result<(), StartError> {
        let value = if on { "on" } else { "off" };
        self.administrator("postgres")?
            .batch_execute(&format!("ALTER SYSTEM SET ssl = {value}"))?;
        self.reload()
    }

    fn certificate_file(&self) -> String {
        self.folder.join("server.crt").display().to_string()
    }

    fn key_file(&self) -> String {
        self.folder.join("server.key").display().to_string()
    }

    fn write_certificate(&self, certificate: Certificate<'_>) -> io::Result<()> {
        write_private(Path::new(&self.certificate_file()), certificate.chain)?;
        write_private(Path::new(&self.key_file()), certificate.key)
    }

    /// Loads the changed settings, and waits until new connections use these settings.
    fn reload(&self) -> Result<(), StartError> {
        let load_time = || -> Result<String, StartError> {
            let row = self
                .administrator("postgres")?
                .query_one("SELECT pg_conf_load_time()::text", &[])?;
            Ok(row.get(0))
        };
        let before = load_time()?;
        self.administrator("postgres")?
            .execute("SELECT pg_reload_conf()", &[])?;
        let begun = Instant::now();
        while load_time()? == before {
            if begun.elapsed() > RELOAD_DEADLINE {
                return Err(StartError::Failed(format!(
                    "the server has not loaded its settings after {RELOAD_DEADLINE:?}"
                )));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// Writes a file that only the server can read. PostgreSQL rejects a key file that other users can read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    if rustix::process::geteuid().is_root() {
        chown(path, Some(NOBODY_ID), Some(NOBODY_ID))?;
    }
    Ok(())
}
