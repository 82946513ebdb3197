//! Implements `spin:postgres/postgres@4.0.0` with [`crate::postgres`].
#![expect(
    clippy::result_large_err,
    reason = "the bindings define this large error type, and errors are rare"
)]
use std::sync::Arc;

use stoa_manifest::{AllowedHost, Component};
use tokio_postgres::Config;
use tokio_postgres::config::Host as Server;
use wasmtime::Result;
use wasmtime::component::Resource;

use super::backends::Backends;
use super::view::View;
use crate::bindings::spin::postgres::postgres::{
    Error, Host, HostConnection, ParameterValue, RowSet,
};
use crate::postgres::{Lease, Servers, address_error, values};

/// The PostgreSQL servers to which a component may connect.
pub(crate) struct Postgres {
    component: Arc<str>,
    allowed_hosts: Vec<AllowedHost>,
    servers: Arc<Servers>,
}

/// A guest's connection.
#[expect(unreachable_pub, reason = "the generated bindings re-export this type")]
pub struct Connection(Lease);

/// PostgreSQL's default port.
const DEFAULT_PORT: u16 = 5432;

impl Postgres {
    /// `id` is the component's id, which appears in the log.
    pub(super) fn new(id: &Arc<str>, component: &Component, backends: &Backends) -> Self {
        Self {
            component: Arc::clone(id),
            allowed_hosts: component.allowed_outbound_hosts.clone(),
            servers: Arc::clone(&backends.postgres),
        }
    }

    /// Parses the address, and checks that the component may connect to each server in the address.
    fn check(&self, address: &str) -> Result<Config, Error> {
        if has_unencoded_at_sign(address) {
            return Err(Error::ConnectionFailed(
                "the address contains more than one @; expected percent-encoding, such as %40, in the user name and password"
                    .to_owned(),
            ));
        }
        let config: Config = address
            .parse()
            .map_err(|error| Error::ConnectionFailed(address_error(&error)))?;
        let ports = config.get_ports();
        for (index, server) in config.get_hosts().iter().enumerate() {
            let Server::Tcp(host) = server else {
                return Err(Error::ConnectionFailed(
                    "the address names a socket file; expected a host name".to_owned(),
                ));
            };
            // If the address has only one port, that port applies to all hosts.
            let port = ports
                .get(index)
                .or(ports.first())
                .copied()
                .unwrap_or(DEFAULT_PORT);
            let mut allowed = self.allowed_hosts.iter();
            if !allowed.any(|a| a.allows("postgres", host, port)) {
                let component = &self.component;
                tracing::warn!(
                    %component, host, port,
                    "PostgreSQL connection rejected: allowed_outbound_hosts does not permit this server"
                );
                return Err(Error::ConnectionFailed(format!(
                    "allowed_outbound_hosts does not permit postgres://{host}:{port}"
                )));
            }
        }
        // The parameter `hostaddr` is rejected, because the connection would go to its address instead of the checked host.
        if !config.get_hostaddrs().is_empty() {
            return Err(Error::ConnectionFailed(
                "the address contains the parameter hostaddr, which is not permitted".to_owned(),
            ));
        }
        Ok(config)
    }

    async fn connect(&self, address: &str, config: &Config) -> Result<Lease, Error> {
        self.servers.connect(&self.component, address, config).await
    }
}

/// True if a URL contains more than one `@`. Then the user name or the password contains an `@` that is not percent-encoded, and a
/// part of the password would be taken for the host's name, which appears in errors and in the log.
fn has_unencoded_at_sign(address: &str) -> bool {
    let mut schemes = ["postgres://", "postgresql://"].iter();
    schemes.any(|scheme| address.starts_with(scheme)) && address.matches('@').count() > 1
}

impl Host for View<'_, Postgres> {}

impl HostConnection for View<'_, Postgres> {
    async fn open(&mut self, address: String) -> Result<Result<Resource<Connection>, Error>> {
        let config = match self.state.check(&address) {
            Ok(config) => config,
            Err(error) => return Ok(Err(error)),
        };
        match self.state.connect(&address, &config).await {
            Ok(lease) => Ok(Ok(self.table.push(Connection(lease))?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<Result<RowSet, Error>> {
        let connection = self.table.get_mut(&connection)?;
        let found = connection.0.query(&statement, parameters).await;
        Ok(found.and_then(|(statement, rows)| values::rows(&statement, &rows)))
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<Result<u64, Error>> {
        let connection = self.table.get_mut(&connection)?;
        Ok(connection.0.execute(&statement, parameters).await)
    }

    fn drop(&mut self, connection: Resource<Connection>) -> Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}
