//! A guest's way to a server, and when its connection is closed instead of given back.
use std::ops::Range;
use std::pin::pin;

use deadpool_postgres::{Object, Pool};
use futures_util::TryStreamExt as _;
use tokio_postgres::{Row, Statement};

use super::effect::Effect;
use super::error::{chain, failed};
use super::values;
use crate::bindings::spin::postgres::postgres::{DbValue, Error, ParameterValue};

/// Statements that a connection keeps prepared.
const STATEMENTS_KEPT: usize = 256;
/// The most that one statement may return, in bytes: it is held in this process's memory before the guest sees it.
const LARGEST_RESULT: usize = 64 << 20;
/// What a value takes beside its own bytes: its place in the row, and the form that the guest gets it in.
const VALUE_OVERHEAD: usize = size_of::<Option<Range<usize>>>() + size_of::<DbValue>();

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
    /// A way to the pool's server, which is called at once: one that cannot be reached is known now.
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
            None => connect(&self.pool).await?,
        };
        let object = self.object.insert(object);
        // Set until an answer came: a request that is cut off leaves it set, and its connection is closed.
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

async fn connect(pool: &Pool) -> Result<Object, Error> {
    let got = pool.get().await;
    got.map_err(|error| Error::ConnectionFailed(chain(&error)))
}
