//! PostgreSQL for guests: a pool of connections an address, as in Spin, with two differences. A guest holds a connection only while a
//! statement runs or a transaction is open, so that one that waits for another service does not keep others from the database. And what it
//! left behind (an open transaction, a setting, a temporary table, a lock of the session) never meets the next one: that connection is closed.
//!
//! - this file: the pools.
//! - `postgres/lease.rs`: a guest's way to a connection; `postgres/effect.rs`: what a statement leaves behind on one.
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

/// Connections an address: nine components with a database each stay below PostgreSQL's default `max_connections` of 100.
const CONNECTIONS: usize = 10;
/// The longest wait for one of them, or for the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that nobody used for this long is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// By address.
type Pools = Mutex<HashMap<String, Pool>>;

/// Every address that is connected to.
#[derive(Default)]
pub(crate) struct Servers {
    pools: Arc<Pools>,
    tls: OnceLock<Result<MakeRustlsConnect, rustls::Error>>,
    trimming: OnceLock<()>,
}

impl Servers {
    /// A way to `address`, which `config` was read from.
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
        // Whether a connection still stands shows when it is used: a check before would double each request's way.
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

/// Closes connections that nobody uses, and forgets addresses that have none, as long as there is a runtime.
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

/// TLS with the system's authorities. `sslmode` in the address decides whether it is used: `require`, `disable`, or where the server offers it (`prefer`,
/// by default). Where it is used, the server's certificate must be one for its name, from one of them.
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
