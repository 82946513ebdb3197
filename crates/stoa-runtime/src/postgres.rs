//! PostgreSQL for guests: one connection pool per address, as in Spin, with two differences. First, a guest holds a connection
//! only while a statement runs or a transaction is open. A guest that waits for another service thus does not block others from
//! the database. Second, session state (an open transaction, a setting, a temporary table, a session lock) never reaches the next
//! guest: a connection with such state is closed.
//!
//! - this file: the pools.
//! - `postgres/lease.rs`: a guest's access to a connection; `postgres/effect.rs`: what a statement leaves behind on one.
//! - `postgres/error.rs`: errors in the interface's terms.
//! - `postgres/values.rs`: values between PostgreSQL and the interface.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::bindings::spin::postgres::postgres::Error;
use error::chain;

mod effect;
mod error;
mod lease;
pub(crate) mod values;

pub(crate) use lease::Lease;

/// Connections per address: nine components with a database each stay below PostgreSQL's default `max_connections` of 100.
const CONNECTIONS: usize = 10;
/// The longest wait for a connection, or for the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that is unused for this long is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Pools by address.
type Pools = Mutex<HashMap<String, Pool>>;

/// The pools of all addresses.
#[derive(Default)]
pub(crate) struct Servers {
    pools: Arc<Pools>,
    tls: OnceLock<Result<MakeRustlsConnect, rustls::Error>>,
    trimming: OnceLock<()>,
}

impl Servers {
    /// Connects to `address`; `config` is its parsed form.
    pub(crate) async fn connect(&self, address: &str, config: &Config) -> Result<Lease, Error> {
        let failed = |error: &dyn std::error::Error| Error::ConnectionFailed(chain(error));
        let tls = self.tls.get_or_init(tls).as_ref();
        let tls = tls.map_err(|error| failed(error))?;
        let pool = self.pool(address, config, tls).map_err(|e| failed(&e))?;
        let lease = Lease::connect(pool).await?;
        self.trimming.get_or_init(|| {
            tokio::spawn(trim(Arc::downgrade(&self.pools)));
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
        // A broken connection is detected when it is used: a check before would add a round trip to each request.
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
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

/// Closes unused connections, and removes addresses that have none, for the lifetime of the runtime.
async fn trim(pools: Weak<Pools>) {
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

/// TLS with the system's certificate authorities. `sslmode` in the address decides whether it is used: `require`, `disable`, or
/// `prefer` (the default: TLS if the server offers it). With TLS, the server's certificate must be valid for its name and come
/// from one of these authorities.
fn tls() -> Result<MakeRustlsConnect, rustls::Error> {
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
