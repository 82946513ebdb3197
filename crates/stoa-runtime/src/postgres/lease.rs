//! Gives a guest access to a PostgreSQL server. A connection lease decides whether its connection returns to the pool or is closed.
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;

use deadpool_postgres::Object;
use futures_util::TryStreamExt as _;
use tokio_postgres::{Row, Statement};

use super::database::Database;
use super::effect::Effect;
use super::error::statement_error;
use super::values;
use crate::bindings::spin::postgres::postgres::{DbValue, Error, ParameterValue};

/// The number of prepared statements that a connection keeps.
const MAX_CACHED_STATEMENTS: usize = 256;
/// The maximum size of one statement's result, in bytes. The limit exists because the whole result is in this process's memory
/// before the guest gets the rows.
const LARGEST_RESULT: usize = 64 << 20;
/// The bytes of memory that a value takes in addition to its data: the range that locates its data in the row, and its
/// representation for the guest.
const VALUE_OVERHEAD_BYTES: usize = size_of::<Option<Range<usize>>>() + size_of::<DbValue>();

/// A guest's connection lease: the guest's access to one PostgreSQL server.
pub(crate) struct Lease {
    /// The id of the guest's component, which appears in the log.
    component: Arc<str>,
    database: Arc<Database>,
    /// The connection that this connection lease holds. It holds a connection while a statement runs, during a transaction, and
    /// after a statement that changed the connection's session.
    object: Option<Object>,
    /// True while a transaction is open.
    transaction: bool,
    /// True if a statement had an effect that may outlive a transaction: a changed setting, a temporary table, or a lock that the
    /// connection holds until its session ends.
    session_changed: bool,
    /// True if a statement runs, was cut off, or failed with an error that may leave the connection unusable.
    busy: bool,
}

impl Lease {
    /// Connects to the server once, so that the guest's `open` reports an unreachable server.
    pub(super) async fn connect(
        component: Arc<str>,
        database: Arc<Database>,
    ) -> Result<Self, Error> {
        drop(database.connect(&component).await?);
        Ok(Self {
            component,
            database,
            object: None,
            transaction: false,
            session_changed: false,
            busy: false,
        })
    }

    /// Runs one statement. Returns the statement, which describes the columns, and the rows.
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
                // The result's size counts the data of each row, and the memory that the row and its values take in addition to
                // this data.
                size += row.raw_size_bytes() + size_of::<Row>() + row.len() * VALUE_OVERHEAD_BYTES;
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

    /// Runs one statement, and returns the number of rows that the statement changed.
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
            let reason = "the connection is closed: an earlier statement failed or was cut off";
            return Err(Error::ConnectionFailed(reason.to_owned()));
        }
        let object = match self.object.take() {
            Some(object) => object,
            None => self.database.connect(&self.component).await?,
        };
        let object = self.object.insert(object);
        // `busy` is true until the server responds. If the request is cut off earlier, `busy` stays true, and the connection is
        // closed.
        self.busy = true;
        let effect = Effect::of_statement(sql);
        let done = async {
            let statement = object.prepare_cached(sql).await.map_err(statement_error)?;
            let parameters = values::parameters(&statement, parameters)?;
            send(object, &statement, parameters)
                .await
                .map_err(statement_error)?
        };
        let done = done.await;
        if object.statement_cache.size() > MAX_CACHED_STATEMENTS {
            object.statement_cache.clear();
        }
        self.busy = matches!(done, Err(Error::Other(_)));
        match effect {
            Effect::None => {}
            Effect::BeginsTransaction => self.transaction |= done.is_ok(),
            Effect::EndsTransaction => self.transaction = false,
            Effect::ChangesSession => self.session_changed = true,
        }
        if self.is_clean() {
            self.object = None;
        }
        done
    }

    /// True if the guest left no state on the connection, so that another guest may use the connection.
    fn is_clean(&self) -> bool {
        !(self.transaction || self.session_changed || self.busy)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && !self.is_clean()
        {
            // This line takes the connection out of the pool and so closes the connection. The PostgreSQL server then rolls back
            // the open transaction and ends the connection's session.
            drop(Object::take(object));
        }
    }
}
