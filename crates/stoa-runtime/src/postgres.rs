//! PostgreSQL for guests, with one connection pool per address. There are two differences from Spin. First, a guest holds a
//! connection only while a statement runs or a transaction is open. So a guest that waits for another service does not keep other
//! guests from the database. Second, the state of a PostgreSQL session (an open transaction, a setting, a temporary table, a
//! session lock) never reaches the next guest, because a connection with such state is closed.
//!
//! - This file manages the connection pools.
//! - `postgres/lease.rs` gives a guest access to a connection; `postgres/effect.rs` determines the lasting effect of a statement on
//!   its connection.
//! - `postgres/error.rs` converts PostgreSQL's errors to errors of the interface.
//! - `postgres/values.rs` converts values between PostgreSQL and the interface.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::bindings::spin::postgres::postgres::Error;
use error::with_causes;

mod effect;
mod error;
mod lease;
pub(crate) mod values;

pub(crate) use lease::Lease;

/// The maximum number of connections per address. With this number, nine components, each with its own database, stay below
/// PostgreSQL's default `max_connections` of 100.
const MAX_CONNECTIONS_PER_ADDRESS: usize = 10;
/// The maximum wait for a free connection of the pool. It is also the maximum wait until the server accepts a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time after which an unused connection is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The connection pools, by address.
type Pools = Mutex<HashMap<String, Pool>>;

/// The connection pools of all addresses, and their TLS settings.
#[derive(Default)]
pub(crate) struct Servers {
    pools: Arc<Pools>,
    tls: OnceLock<Result<MakeRustlsConnect, rustls::Error>>,
    /// Contains a value once the task that closes unused connections has started.
    closing_task: OnceLock<()>,
}

impl Servers {
    /// Connects a guest to the server at `address`. `config` is the parsed address.
    pub(crate) async fn connect(&self, address: &str, config: &Config) -> Result<Lease, Error> {
        let failed = |error: &dyn std::error::Error| Error::ConnectionFailed(with_causes(error));
        let tls = self.tls.get_or_init(tls_connector).as_ref();
        let tls = tls.map_err(|error| failed(error))?;
        let pool = self.pool(address, config, tls).map_err(|e| failed(&e))?;
        let lease = Lease::connect(pool).await?;
        self.closing_task.get_or_init(|| {
            tokio::spawn(close_unused(Arc::downgrade(&self.pools)));
        });
        Ok(lease)
    }

    fn pool(
        &self,
        address: &str,
        config: &Config,
        tls: &MakeRustlsConnect,
    ) -> Result<Pool, deadpool_postgres::BuildError> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(address) {
            return Ok(pool.clone());
        }
        // The pool does not check a connection before its use, because a check would add a round trip to each request. A broken
        // connection is detected when a statement uses the connection.
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(MAX_CONNECTIONS_PER_ADDRESS)
            .timeouts(Timeouts {
                wait: Some(CONNECT_TIMEOUT),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(CONNECT_TIMEOUT),
            })
            .runtime(Runtime::Tokio1)
            .build()?;
        pools.insert(address.to_owned(), pool.clone());
        Ok(pool)
    }
}

/// Closes unused connections, and removes the pools that have no connection left. This task ends when the runtime is dropped.
async fn close_unused(pools: Weak<Pools>) {
    loop {
        tokio::time::sleep(IDLE_TIMEOUT / 2).await;
        let Some(pools) = pools.upgrade() else {
            return;
        };
        let mut pools = pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|_, pool| {
            pool.retain(|_, metrics| metrics.last_used() < IDLE_TIMEOUT);
            pool.status().size > 0
        });
    }
}

/// Creates the TLS connector, which trusts the system's certificate authorities. `sslmode` in the address decides whether a
/// connection uses TLS: `require`, `disable`, or `prefer` (the default: TLS if the server offers TLS). With TLS, the server's
/// certificate must be valid for the server's name, and must come from a trusted authority.
fn tls_connector() -> Result<MakeRustlsConnect, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
