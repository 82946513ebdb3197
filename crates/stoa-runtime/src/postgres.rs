//! PostgreSQL for guests, with one connection pool per address. There are two differences from Spin. First, a guest holds a
//! connection only while a statement runs or a transaction is open. So a guest that waits for another service does not keep other
//! guests from the database. Second, the state of a PostgreSQL session (an open transaction, a setting, a temporary table, a
//! session lock) never reaches the next guest, because a connection with such state is closed.
//!
//! - This file manages the connection pools. `postgres/database.rs` has the pool of one address, and logs failed connections.
//! - `postgres/tls.rs` creates TLS connections.
//! - `postgres/lease.rs` gives a guest access to a connection; `postgres/effect.rs` determines the lasting effect of a statement on
//!   its connection.
//! - `postgres/error.rs` converts PostgreSQL's errors to errors of the interface.
//! - `postgres/values.rs` converts values between PostgreSQL and the interface.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio_postgres::Config;

use crate::bindings::spin::postgres::postgres::Error;
use database::Database;

mod database;
mod effect;
mod error;
mod lease;
mod tls;
pub(crate) mod values;

pub(crate) use error::address_error;
pub(crate) use lease::Lease;

/// The time after which an unused connection is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The connection pools, by address.
type Pools = Mutex<HashMap<String, Arc<Database>>>;

/// The connection pools of all addresses.
#[derive(Default)]
pub(crate) struct Servers {
    pools: Arc<Pools>,
    /// Contains a value once the task that closes unused connections has started.
    closing_task: OnceLock<()>,
}

impl Servers {
    /// Connects a guest to the server at `address`. `config` is the parsed address. `component` is the id of the guest's component.
    pub(crate) async fn connect(
        &self,
        component: &Arc<str>,
        address: &str,
        config: &Config,
    ) -> Result<Lease, Error> {
        let database = self.database(address, config).map_err(|error| {
            Error::ConnectionFailed(format!("cannot create a connection pool: {error}"))
        })?;
        let lease = Lease::connect(Arc::clone(component), database).await?;
        self.closing_task.get_or_init(|| {
            tokio::spawn(close_unused(Arc::downgrade(&self.pools)));
        });
        Ok(lease)
    }

    fn database(
        &self,
        address: &str,
        config: &Config,
    ) -> Result<Arc<Database>, deadpool_postgres::BuildError> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = pools.get(address) {
            return Ok(Arc::clone(database));
        }
        let database = Arc::new(Database::new(config)?);
        pools.insert(address.to_owned(), Arc::clone(&database));
        Ok(database)
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
        pools.retain(|_, database| database.close_unused(IDLE_TIMEOUT));
    }
}
