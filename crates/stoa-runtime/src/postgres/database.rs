//! The connection pool of one address, which names a server, a database and a role.
use std::time::Duration;

use deadpool_postgres::{
    BuildError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};

use super::error::connect_error;
use super::tls::Tls;
use crate::bindings::spin::postgres::postgres::Error;

/// The maximum number of connections per address. With this number, nine components, each with its own database, stay below
/// PostgreSQL's default `max_connections` of 100.
const MAX_CONNECTIONS_PER_ADDRESS: usize = 10;
/// The maximum wait for a free connection of the pool. It is also the maximum wait until the server accepts a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The connections to one database of a server, as one role. Log lines and errors never contain the password.
pub(super) struct Database {
    pool: Pool,
    /// The names of the server's hosts, separated by commas.
    hosts: String,
    /// The ports, separated by commas.
    ports: String,
    /// The name of the database. `None` if the address does not contain the name.
    name: Option<String>,
    /// `None` if the address does not contain the role.
    role: Option<String>,
}

impl Database {
    pub(super) fn new(config: &Config) -> Result<Self, BuildError> {
        // The pool does not check a connection before its use, because a check would add a round trip to each request. A broken
        // connection is detected when a statement uses the connection.
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match config.get_ssl_mode() {
            SslMode::Disable => Manager::from_config(config.clone(), NoTls, recycling),
            _ => Manager::from_config(config.clone(), Tls, recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(MAX_CONNECTIONS_PER_ADDRESS)
            .timeouts(Timeouts {
                wait: Some(CONNECT_TIMEOUT),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(CONNECT_TIMEOUT),
            })
            .runtime(Runtime::Tokio1)
            .build()?;
        let host = |host: &Host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        let hosts: Vec<_> = config.get_hosts().iter().map(host).collect();
        let ports: Vec<_> = config.get_ports().iter().map(u16::to_string).collect();
        Ok(Self {
            pool,
            hosts: hosts.join(","),
            ports: ports.join(","),
            name: config.get_dbname().map(str::to_owned),
            role: config.get_user().map(str::to_owned),
        })
    }

    /// Takes a connection from the pool, or opens a new connection. A failure is logged with the id of the guest's component. The
    /// pool does not keep a failure: the next call tries again.
    pub(super) async fn connect(&self, component: &str) -> Result<Object, Error> {
        let error = match self.pool.get().await {
            Ok(object) => return Ok(object),
            Err(error) => error,
        };
        let reason = connect_error(&error, CONNECT_TIMEOUT);
        tracing::warn!(
            component,
            host = self.hosts,
            port = self.ports,
            database = self.name,
            role = self.role,
            reason,
            "PostgreSQL connection failed"
        );
        Err(Error::ConnectionFailed(reason))
    }

    /// Closes the connections that were not used for this time. Returns true if a connection is left.
    pub(super) fn close_unused(&self, idle_timeout: Duration) -> bool {
        self.pool
            .retain(|_, metrics| metrics.last_used() < idle_timeout);
        self.pool.status().size > 0
    }
}
