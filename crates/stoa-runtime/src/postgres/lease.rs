//! A guest's access to a server. It decides whether a connection is given back or closed.
use std::ops::Range;
use std::pin::pin;

use deadpool_postgres::{Object, Pool};
use futures_util::TryStreamExt as _;
use tokio_postgres::{Row, Statement};

use super::effect::Effect;
use super::error::{chain, failed};
use super::values;
use crate::bindings::spin::postgres::postgres::{DbValue, Error, ParameterValue};

/// Prepared statements that a connection keeps.
const STATEMENTS_KEPT: usize = 256;
/// The largest result of one statement, in bytes. The result is held in this process's memory before the guest gets it.
const LARGEST_RESULT: usize = 64 << 20;
/// Bytes that a value takes beside its own: its range in the row, and the form that the guest gets.
const VALUE_OVERHEAD: usize = size_of::<Option<Range<usize>>>() + size_of::<DbValue>();

/// A guest's access to a server.
pub(crate) struct Lease {
    pool: Pool,
    /// The connection that it holds: within a transaction, or after a statement that marked it.
    object: Option<Object>,
    /// A transaction is open.
    transaction: bool,
    /// Set by a statement whose effect may outlive a transaction: a setting, a temporary table, a session lock.
    marked: bool,
    /// A statement runs, or was cut off.
    busy: bool,
}

impl Lease {
    /// Connects to the pool's server at once, so that an unreachable server is reported now.
    pub(super) async fn connect(pool: Pool) -> Result<Self, Error> {
        drop(connect(&pool).await?);
        Ok(Self {
            pool,
            object: None,
            transaction: false,
            marked: false,
            busy: false,
        })
    }

    /// Runs one statement, and returns its rows with their description.
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
                // The bytes, and the overhead here and in the guest's form.
                size += row.raw_size_bytes() + size_of::<Row>() + row.len() * VALUE_OVERHEAD;
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

    /// Runs one statement, and counts the rows that it changed.
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
            None => connect(&self.pool).await?,
        };
        let object = self.object.insert(object);
        // Set until the server answers. A request that is cut off leaves it set, and its connection is closed.
        self.busy = true;
        let effect = Effect::of_statement(sql);
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

    /// Whether this guest left nothing behind on the connection.
    fn is_clean(&self) -> bool {
        !(self.transaction || self.marked || self.busy)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && !self.is_clean()
        {
            // The connection is closed: the server rolls back and ends the session.
            drop(Object::take(object));
        }
    }
}

async fn connect(pool: &Pool) -> Result<Object, Error> {
    let got = pool.get().await;
    got.map_err(|error| Error::ConnectionFailed(chain(&error)))
}
