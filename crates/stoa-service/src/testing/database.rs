//! The databases of native tests: SQLite, or a real PostgreSQL where STOA_TEST_DATABASE is `postgres`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use rusqlite::types::{ToSqlOutput, Value as Native};

use crate::sql::postgres::{Driver, DriverError, Postgres};
use crate::sql::{Database, Rows, SqlError, Value};

/// A database of its own, removed when dropped.
pub struct TestDatabase(Kind);

enum Kind {
    Sqlite(PathBuf),
    Postgres { address: String, pool: Pool },
}

type Pool = Arc<Mutex<Vec<postgres::Client>>>;

impl TestDatabase {
    /// An empty database.
    #[expect(
        clippy::new_without_default,
        reason = "a new file is not a default value"
    )]
    #[expect(
        clippy::expect_used,
        reason = "a test cannot continue without a database"
    )]
    pub fn new() -> Self {
        if stoa_postgres::wanted() {
            let address = stoa_postgres::Server::shared().schema();
            let address = address.expect("a schema for the test");
            let pool = Pool::default();
            return Self(Kind::Postgres { address, pool });
        }
        let name = format!("stoa-test-{}.db", uuid::Uuid::now_v7().simple());
        Self(Kind::Sqlite(std::env::temp_dir().join(name)))
    }

    /// A connection. With PostgreSQL it comes from a pool, and is returned
    /// unchanged, as with Spin.
    #[expect(
        clippy::expect_used,
        reason = "a test cannot continue without a database"
    )]
    pub fn connect(&self) -> Connection {
        match &self.0 {
            Kind::Sqlite(path) => Connection::open(path),
            Kind::Postgres { address, pool } => {
                let idle = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let client = idle.unwrap_or_else(|| {
                    postgres::Client::connect(address, postgres::NoTls)
                        .expect("connect to PostgreSQL")
                });
                let driver = Pooled {
                    client: RefCell::new(Some(client)),
                    pool: Arc::clone(pool),
                };
                let connection = Postgres::new(driver).expect("a connection that answers");
                Connection::Postgres(Box::new(connection))
            }
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Kind::Sqlite(path) = &self.0 else {
            return; // It is removed with its server.
        };
        for suffix in ["", "-wal", "-shm"] {
            let mut path = path.clone().into_os_string();
            path.push(suffix);
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A connection to a [`TestDatabase`].
pub enum Connection {
    /// To a file.
    Sqlite(rusqlite::Connection),
    /// To a server.
    Postgres(Box<Postgres<Pooled>>),
}

impl Connection {
    /// Opens any SQLite file like the embedded runtime, but writes do not wait for the disk: the tests include no power failure.
    #[expect(
        clippy::expect_used,
        reason = "a test cannot continue without a database"
    )]
    pub fn open(path: &Path) -> Self {
        let connection = rusqlite::Connection::open(path).expect("open the test's database");
        connection
            .busy_timeout(std::time::Duration::from_secs(20))
            .and_then(|()| connection.pragma_update(None, "journal_mode", "WAL"))
            .and_then(|()| connection.pragma_update(None, "foreign_keys", true))
            .and_then(|()| connection.pragma_update(None, "synchronous", "OFF"))
            .expect("set up the test's database");
        Self::Sqlite(connection)
    }
}

impl Database for Connection {
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError> {
        check_placeholders(statement, params.len())?;
        match self {
            Self::Sqlite(sqlite) => Ok(Rows::new(statement, query(sqlite, statement, params)?)),
            Self::Postgres(postgres) => postgres.execute(statement, params),
        }
    }

    fn begin(&self, subject: &str) -> Result<(), SqlError> {
        match self {
            Self::Sqlite(_) => self.execute("BEGIN IMMEDIATE", &[]).map(drop),
            Self::Postgres(postgres) => postgres.begin(subject),
        }
    }
}

struct Param<'a>(&'a Value);

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self.0 {
            Value::Null => Native::Null,
            Value::Integer(v) => Native::Integer(*v),
            Value::Text(v) => Native::Text(v.clone()),
        }))
    }
}

fn query(
    sqlite: &rusqlite::Connection,
    statement: &str,
    params: &[Value],
) -> Result<Vec<Vec<Value>>, SqlError> {
    let error = |e: rusqlite::Error| SqlError::from_message(e.to_string());
    let mut prepared = sqlite.prepare(statement).map_err(error)?;
    let columns = prepared.column_count();
    let mut cursor = prepared
        .query(rusqlite::params_from_iter(params.iter().map(Param)))
        .map_err(error)?;
    let mut rows = Vec::new();
    while let Some(row) = cursor.next().map_err(error)? {
        let mut values = Vec::with_capacity(columns);
        for index in 0..columns {
            values.push(match row.get::<_, Native>(index).map_err(error)? {
                Native::Null => Value::Null,
                Native::Integer(v) => Value::Integer(v),
                Native::Text(v) => Value::Text(v),
                other => {
                    return Err(SqlError::Other(format!("column {index} holds {other:?}")));
                }
            });
        }
        rows.push(values);
    }
    Ok(rows)
}

/// A connection from a pool.
pub struct Pooled {
    client: RefCell<Option<postgres::Client>>,
    pool: Pool,
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
            pool.push(client);
        }
    }
}

#[derive(Debug)]
struct Sent<'a>(&'a Value);

impl ToSql for Sent<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(v) => v.to_sql_checked(ty, out),
            Value::Text(v) => v.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Pooled {
    /// Runs `work` on the connection, with `params` in the client's types.
    fn run<T>(
        &self,
        params: &[Value],
        work: impl FnOnce(&mut postgres::Client, &[&(dyn ToSql + Sync)]) -> Result<T, postgres::Error>,
    ) -> Result<T, DriverError> {
        let sent: Vec<_> = params.iter().map(Sent).collect();
        let sent: Vec<&(dyn ToSql + Sync)> =
            sent.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
        let mut client = self.client.borrow_mut();
        let client = client
            .as_mut()
            .ok_or_else(|| other("no connection".to_owned()))?;
        work(client, &sent).map_err(|error| failed(&error))
    }
}

fn failed(error: &postgres::Error) -> DriverError {
    DriverError {
        code: error.code().map(|code| code.code().to_owned()),
        message: format!(
            "{error}: {:?}",
            error.as_db_error().map(ToString::to_string)
        ),
    }
}

fn other(message: String) -> DriverError {
    DriverError {
        code: None,
        message,
    }
}

impl Driver for Pooled {
    fn query(&self, statement: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, DriverError> {
        let rows = self.run(params, |client, params| client.query(statement, params))?;
        if rows.is_empty() {
            return Err(other(format!(
                "`{statement}` returned no rows: Spin 4.0.0 to 4.0.2 never answers such a query"
            )));
        }
        let value = |row: &postgres::Row, index: usize, ty: &Type| {
            let value = match *ty {
                Type::INT8 => row
                    .try_get::<_, Option<i64>>(index)
                    .map(|v| v.map(Value::Integer)),
                Type::INT4 => row
                    .try_get::<_, Option<i32>>(index)
                    .map(|v| v.map(|v| Value::Integer(v.into()))),
                Type::BOOL => row
                    .try_get::<_, Option<bool>>(index)
                    .map(|v| v.map(|v| Value::Integer(v.into()))),
                Type::TEXT => row
                    .try_get::<_, Option<String>>(index)
                    .map(|v| v.map(Value::Text)),
                _ => return Err(other(format!("column {index} is of type {ty}"))),
            };
            let value = value.map_err(|error| failed(&error))?;
            Ok(value.unwrap_or(Value::Null))
        };
        let values = |row: &postgres::Row| {
            let columns = row.columns().iter().enumerate();
            columns
                .map(|(index, column)| value(row, index, column.type_()))
                .collect()
        };
        rows.iter().map(values).collect()
    }

    fn execute(&self, statement: &str, params: &[Value]) -> Result<(), DriverError> {
        let columns = self.run(params, |client, params| {
            let prepared = client.prepare(statement)?;
            client.execute(&prepared, params)?;
            Ok(prepared.columns().len())
        })?;
        match columns {
            0 => Ok(()),
            _ => Err(other(format!("the rows of `{statement}` are lost"))),
        }
    }
}

/// SQLite numbers `$n` by first appearance, PostgreSQL by name: a statement must mean the same in both.
fn check_placeholders(statement: &str, params: usize) -> Result<(), SqlError> {
    let mut seen = 0;
    for part in statement.split('$').skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        let number: usize = digits
            .parse()
            .map_err(|_| SqlError::Other(format!("`{statement}`: $ without a number")))?;
        if number > seen + 1 {
            return Err(SqlError::Other(format!(
                "`{statement}`: ${number} appears before ${}",
                seen + 1
            )));
        }
        seen = seen.max(number);
    }
    if seen == params {
        Ok(())
    } else {
        Err(SqlError::Other(format!(
            "`{statement}` takes {seen} values, {params} were given"
        )))
    }
}
