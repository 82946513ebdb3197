//! Implements `fermyon:spin/sqlite@2.0.0` and `spin:sqlite/sqlite@3.0.0` with [`crate::database`].
use std::sync::Arc;

use rusqlite::types::Value;
use stoa_manifest::Component;
use wasmtime::Result;
use wasmtime::component::Resource;

use super::backends::Backends;
use super::view::View;
use crate::bindings::{fermyon::spin::sqlite as v2, spin::sqlite::sqlite as v3};
use crate::database::{Databases, Lease, Rows};

/// The databases that a component may open.
pub(crate) struct Sqlite {
    labels: Vec<String>,
    databases: Arc<Databases>,
}

impl Sqlite {
    pub(super) fn new(_: &Arc<str>, component: &Component, backends: &Backends) -> Self {
        Self {
            labels: component.sqlite_databases.clone(),
            databases: Arc::clone(&backends.databases),
        }
    }
}

/// A guest's connection.
#[expect(unreachable_pub, reason = "the generated bindings re-export this type")]
pub struct Connection(Lease);

/// The reason why a guest cannot open a database.
enum OpenError {
    AccessDenied,
    Io(String),
}

impl View<'_, Sqlite> {
    async fn open_database(
        &mut self,
        label: &str,
    ) -> Result<Result<Resource<Connection>, OpenError>> {
        if !self.state.labels.iter().any(|granted| granted == label) {
            // As in Spin, the guest gets `AccessDenied` also for a label for which no component has a database.
            return Ok(Err(OpenError::AccessDenied));
        }
        let database = self.state.databases.sqlite(label);
        let lease = match database.and_then(Lease::connect) {
            Ok(lease) => lease,
            Err(error) => return Ok(Err(OpenError::Io(error.to_string()))),
        };
        Ok(Ok(self.table.push(Connection(lease))?))
    }

    async fn execute_sql(
        &mut self,
        connection: &Resource<Connection>,
        sql: String,
        parameters: Vec<Value>,
    ) -> Result<Result<Rows, String>> {
        let connection = self.table.get_mut(connection)?;
        let rows = connection.0.execute(sql, parameters).await;
        Ok(rows.map_err(|error| error.to_string()))
    }
}

/// Implements the traits of one version of the interface. Version 3 has two more functions than version 2.
macro_rules! version {
    ($module:ident, { $($more:item)* }) => {
        const _: () = {
            use $module::{Error, Host, HostConnection, QueryResult, RowResult, Value as Spin};

            impl From<OpenError> for Error {
                fn from(error: OpenError) -> Self {
                    match error {
                        OpenError::AccessDenied => Self::AccessDenied,
                        OpenError::Io(message) => Self::Io(message),
                    }
                }
            }

            impl From<Value> for Spin {
                fn from(value: Value) -> Self {
                    match value {
                        Value::Null => Self::Null,
                        Value::Integer(i) => Self::Integer(i),
                        Value::Real(r) => Self::Real(r),
                        Value::Text(t) => Self::Text(t),
                        Value::Blob(b) => Self::Blob(b),
                    }
                }
            }

            impl From<Spin> for Value {
                fn from(value: Spin) -> Self {
                    match value {
                        Spin::Null => Self::Null,
                        Spin::Integer(i) => Self::Integer(i),
                        Spin::Real(r) => Self::Real(r),
                        Spin::Text(t) => Self::Text(t),
                        Spin::Blob(b) => Self::Blob(b),
                    }
                }
            }

            impl From<Rows> for QueryResult {
                fn from(rows: Rows) -> Self {
                    let row = |values: Vec<Value>| RowResult {
                        values: values.into_iter().map(Spin::from).collect(),
                    };
                    Self {
                        columns: rows.columns,
                        rows: rows.rows.into_iter().map(row).collect(),
                    }
                }
            }

            impl Host for View<'_, Sqlite> {}

            impl HostConnection for View<'_, Sqlite> {
                async fn open(
                    &mut self,
                    database: String,
                ) -> Result<Result<Resource<Connection>, Error>> {
                    Ok(self.open_database(&database).await?.map_err(Error::from))
                }

                async fn execute(
                    &mut self,
                    connection: Resource<Connection>,
                    statement: String,
                    parameters: Vec<Spin>,
                ) -> Result<Result<QueryResult, Error>> {
                    let parameters = parameters.into_iter().map(Value::from).collect();
                    let rows = self.execute_sql(&connection, statement, parameters).await?;
                    Ok(rows.map(QueryResult::from).map_err(Error::Io))
                }

                $($more)*

                fn drop(&mut self, connection: Resource<Connection>) -> Result<()> {
                    self.table.delete(connection)?;
                    Ok(())
                }
            }
        };
    };
}

version!(v2, {});
version!(v3, {
    fn last_insert_rowid(&mut self, connection: Resource<Connection>) -> Result<i64> {
        Ok(self.table.get(&connection)?.0.last_insert_rowid())
    }

    fn changes(&mut self, connection: Resource<Connection>) -> Result<u64> {
        Ok(self.table.get(&connection)?.0.changes())
    }
});
