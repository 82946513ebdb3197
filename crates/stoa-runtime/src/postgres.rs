//! PostgreSQL for guests: a pool of connections an address, as in Spin, with two differences. A guest holds a connection only while a
//! statement runs or a transaction is open, so that one that waits for another service keeps nobody from the database. And what it
//! left behind (an open transaction, a setting, a temporary table, a lock of the session) never meets the next one: that connection is closed.
//!
//! - this file: the pools, a guest's way to a connection, and when one is closed instead of given back.
//! - `postgres/values.rs`: values between PostgreSQL and the interface.
use std::collections::HashMap;
use std::ops::Range;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use futures_util::TryStreamExt as _;
use tokio_postgres::{Config, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::host::bindings::spin::postgres::postgres::{DbValue, Error, ParameterValue, QueryError};

pub(crate) mod values;

/// Connections an address: nine services with a database each stay below the 100 that a server takes unless it is told otherwise.
const CONNECTIONS: usize = 10;
/// How long to wait for one of them, or for the server.
const PATIENCE: Duration = Duration::from_secs(5);
/// One that nobody used for this long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// Statements that a connection keeps prepared.
const STATEMENTS_KEPT: usize = 256;
/// The most that one statement may return, in bytes: it is held in this process's memory before the guest sees it.
const LARGEST_RESULT: usize = 64 << 20;
/// What a value takes beside its own bytes: its place in the row, and the form that the guest gets it in.
const VALUE: usize = size_of::<Option<Range<usize>>>() + size_of::<DbValue>();

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
        // A server that cannot be reached is known at once.
        drop(connection(&pool).await?);
        self.trimming.get_or_init(|| {
            tokio::spawn(trim(Arc::downgrade(&self.pools)));
        });
        Ok(Lease {
            pool,
            object: None,
            transaction: false,
            marked: false,
            busy: false,
        })
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
        // Whether a connection still stands shows when it is used: asking first would double each request's way.
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .timeouts(Timeouts {
                wait: Some(PATIENCE),
                create: Some(PATIENCE),
                recycle: Some(PATIENCE),
            })
            .runtime(Runtime::Tokio1)
            .build()?;
        pools.insert(address.to_owned(), pool.clone());
        Ok(pool)
    }
}

async fn connection(pool: &Pool) -> Result<Object, Error> {
    let got = pool.get().await;
    got.map_err(|error| Error::ConnectionFailed(chain(&error)))
}

/// Closes connections that nobody uses, and forgets addresses that have none, as long as there is a runtime.
async fn trim(pools: Weak<Pools>) {
    loop {
        tokio::time::sleep(IDLE / 2).await;
        let Some(pools) = pools.upgrade() else {
            return;
        };
        let mut pools = pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|_, pool| {
            pool.retain(|_, metrics| metrics.last_used() < IDLE);
            pool.status().size > 0
        });
    }
}

/// The system's authorities. `sslmode` in the address says whether TLS is used: `require`, `disable`, or where the server offers it (`prefer`,
/// unless it is said). Where it is used, the server's certificate must be one for its name, from one of them.
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

/// A guest's way to a server.
pub(crate) struct Lease {
    pool: Pool,
    /// The connection that it holds: within a transaction, or since one that cannot be given back was marked.
    object: Option<Object>,
    /// A transaction is open.
    transaction: bool,
    /// Something was done that may outlive a transaction: a setting, a temporary table, a lock of the session.
    marked: bool,
    /// A statement runs, or was cut off.
    busy: bool,
}

impl Lease {
    /// Runs one statement and gives its rows and how they are described.
    pub(crate) async fn query(
        &mut self,
        sql: &str,
        parameters: Vec<ParameterValue>,
    ) -> Result<(Statement, Vec<Row>), Error> {
        self.run(sql, parameters, async |object, statement, parameters| {
            let stream = object.query_raw(statement, parameters).await?;
            let mut stream = pin!(stream);
            let (mut rows, mut size) = (Vec::new(), 0);
            while let Some(row) = stream.try_next().await? {
                // The bytes, and what stands beside them here and in the guest's form.
                size += row.raw_size_bytes() + size_of::<Row>() + row.len() * VALUE;
                if size > LARGEST_RESULT {
                    return Ok(Err(Error::Other(format!(
                        "the result is larger than {LARGEST_RESULT} bytes"
                    ))));
                }
                rows.push(row);
            }
            Ok(Ok((statement.clone(), rows)))
        })
        .await
    }

    /// Runs one statement and counts the rows that it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &str,
        parameters: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        self.run(sql, parameters, async |object, statement, parameters| {
            object.execute_raw(statement, parameters).await.map(Ok)
        })
        .await
    }

    async fn run<T>(
        &mut self,
        sql: &str,
        parameters: Vec<ParameterValue>,
        send: impl AsyncFnOnce(
            &Object,
            &Statement,
            Vec<values::Parameter>,
        ) -> Result<Result<T, Error>, tokio_postgres::Error>,
    ) -> Result<T, Error> {
        if self.busy {
            let gone = "the connection was cut off".to_owned();
            return Err(Error::ConnectionFailed(gone));
        }
        let object = match self.object.take() {
            Some(held) => held,
            None => connection(&self.pool).await?,
        };
        let object = self.object.insert(object);
        // Set until an answer came: a request that is cut off leaves it set, and its connection is closed.
        self.busy = true;
        let effect = Effect::of(sql);
        let done = async {
            let statement = object.prepare_cached(sql).await.map_err(failed)?;
            let parameters = values::parameters(&statement, parameters)?;
            send(object, &statement, parameters).await.map_err(failed)?
        };
        let done = done.await;
        if object.statement_cache.size() > STATEMENTS_KEPT {
            object.statement_cache.clear();
        }
        self.busy = matches!(done, Err(Error::Other(_)));
        match effect {
            Effect::None => {}
            Effect::Begins => self.transaction |= done.is_ok(),
            Effect::Ends => self.transaction = false,
            Effect::Marks => self.marked = true,
        }
        if self.is_clean() {
            self.object = None;
        }
        done
    }

    /// Whether nothing is left of this guest on the connection.
    fn is_clean(&self) -> bool {
        !(self.transaction || self.marked || self.busy)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && !self.is_clean()
        {
            // Closed: the server rolls back, and forgets the session.
            drop(Object::take(object));
        }
    }
}

/// What a statement does to its connection beyond its own work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    Begins,
    Ends,
    Marks,
}

impl Effect {
    fn of(sql: &str) -> Self {
        let words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mut words = words
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase);
        let first = words.next().unwrap_or_default();
        let lasts = match first.as_str() {
            "BEGIN" | "START" => return Self::Begins,
            // `ROLLBACK TO`, `COMMIT AND CHAIN` and their like leave a transaction open: the connection is not used again.
            "COMMIT" | "END" | "ROLLBACK" | "ABORT" => {
                match (words.next().as_deref(), words.next()) {
                    (None | Some("WORK" | "TRANSACTION"), None) => return Self::Ends,
                    _ => true,
                }
            }
            // Functions that outlive their statement, and `SELECT ... INTO` a table.
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "WITH" | "VALUES" | "MERGE" => {
                words.any(|word| match word.as_str() {
                    "SET_CONFIG" => true,
                    "INTO" => first == "SELECT",
                    other => other.contains("ADVISORY_LOCK") && !other.contains("XACT"),
                })
            }
            // Everybody's, but for temporary tables and the like.
            "CREATE" | "ALTER" | "DROP" => {
                words.any(|word| matches!(word.as_str(), "TEMP" | "TEMPORARY" | "PG_TEMP"))
            }
            _ => true,
        };
        if lasts { Self::Marks } else { Self::None }
    }
}

fn failed(error: tokio_postgres::Error) -> Error {
    let text = chain(&error);
    match error.as_db_error() {
        Some(db) => Error::QueryFailed(QueryError::DbError(values::db_error(db, text))),
        None if error.is_closed() => Error::ConnectionFailed(text),
        None => Error::Other(text),
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Effect;

    #[test]
    fn a_statement_is_known_by_its_first_words() {
        for (sql, effect) in [
            ("SELECT 1", Effect::None),
            (
                "\n  with x as (select 1) insert into t select * from x",
                Effect::None,
            ),
            ("BEGIN ISOLATION LEVEL SERIALIZABLE", Effect::Begins),
            ("start transaction", Effect::Begins),
            ("COMMIT", Effect::Ends),
            ("commit;", Effect::Ends),
            ("END TRANSACTION", Effect::Ends),
            ("ROLLBACK", Effect::Ends),
            ("ROLLBACK TO SAVEPOINT a", Effect::Marks),
            ("COMMIT AND CHAIN", Effect::Marks),
            ("COMMIT WORK AND CHAIN", Effect::Marks),
            ("ROLLBACK TRANSACTION TO SAVEPOINT a", Effect::Marks),
            ("SELECT set_config('a.b', '1', false)", Effect::Marks),
            ("SELECT pg_advisory_lock(1)", Effect::Marks),
            ("SELECT pg_try_advisory_lock(1)", Effect::Marks),
            ("SELECT pg_advisory_xact_lock(1)", Effect::None),
            ("SELECT x INTO TEMP t FROM u", Effect::Marks),
            ("INSERT INTO t SELECT * FROM u", Effect::None),
            ("COMMIT PREPARED 'x'", Effect::Marks),
            ("SET search_path = a", Effect::Marks),
            ("CREATE TABLE t (a int)", Effect::None),
            ("CREATE TEMP TABLE t (a int)", Effect::Marks),
            ("CREATE TABLE pg_temp.t (a int)", Effect::Marks),
            (
                "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1",
                Effect::Marks,
            ),
            ("ALTER TABLE t ADD b int", Effect::None),
            ("-- a comment\nSELECT 1", Effect::Marks),
            ("DO $$ BEGIN END $$", Effect::Marks),
            ("", Effect::Marks),
        ] {
            assert_eq!(Effect::of(sql), effect, "{sql}");
        }
    }
}
