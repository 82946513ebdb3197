//! The databases of native tests: SQLite, or a real PostgreSQL if the variable STOA_TEST_DATABASE is `postgres`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use rusqlite::types::{ToSqlOutput, Value as Native};

use crate::sql::postgres::{Driver, DriverError, Postgres};
use crate::sql::{Database, Rows, SqlError, Value};

/// A database for one test. Dropping the value removes a SQLite database.
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
        reason = "`new` creates a file or a schema, so it is not a default value"
    )]
    #[expect(
        clippy::expect_used,
        reason = "if the database cannot be opened, the test must fail"
    )]
    pub fn new() -> Self {
        if stoa_postgres::is_selected() {
            let address = stoa_postgres::Server::shared().schema();
            let address = address.expect("cannot create a schema for the test");
            let pool = Pool::default();
            return Self(Kind::Postgres { address, pool });
        }
        let name = format!("stoa-test-{}.db", uuid::Uuid::now_v7().simple());
        Self(Kind::Sqlite(std::env::temp_dir().join(name)))
    }

    /// A connection. A PostgreSQL connection comes from a pool. When it is dropped, it returns to the pool in its current state, as
    /// in Spin.
    #[expect(
        clippy::expect_used,
        reason = "if the database cannot be opened, the test must fail"
    )]
    pub fn connect(&self) -> Connection {
        match &self.0 {
            Kind::Sqlite(path) => Connection::open(path),
            Kind::Postgres { address, pool } => {
                let idle = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let client = idle.unwrap_or_else(|| {
                    postgres::Client::connect(address, postgres::NoTls)
                        .expect("cannot connect to PostgreSQL")
                });
                let driver = Pooled {
                    client: RefCell::new(Some(client)),
                    pool: Arc::clone(pool),
                };
                let connection =
                    Postgres::new(driver).expect("PostgreSQL does not answer on the connection");
                Connection::Postgres(Box::new(connection))
            }
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Kind::Sqlite(path) = &self.0 else {
            return; // A PostgreSQL schema is removed together with the tests' server.
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
    /// A connection to a SQLite file.
    Sqlite(rusqlite::Connection),
    /// A connection to a PostgreSQL server.
    Postgres(Box<Postgres<Pooled>>),
}

impl Connection {
    /// Opens a SQLite file with the settings that the embedded runtime uses. One setting differs: writes do not wait for the disk,
    /// because no test simulates a power failure.
    #[expect(
        clippy::expect_used,
        reason = "if the database cannot be opened, the test must fail"
    )]
    pub fn open(path: &Path) -> Self {
        let connection = rusqlite::Connection::open(path).expect("cannot open the test's database");
        connection
            .busy_timeout(std::time::Duration::from_secs(20))
            .and_then(|()| connection.pragma_update(None, "journal_mode", "WAL"))
            .and_then(|()| connection.pragma_update(None, "foreign_keys", true))
            .and_then(|()| connection.pragma_update(None, "synchronous", "OFF"))
            .expect("cannot configure the test's database");
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

struct SqliteParam<'a>(&'a Value);

impl rusqlite::ToSql for SqliteParam<'_> {
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
        .query(rusqlite::params_from_iter(params.iter().map(SqliteParam)))
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
                    return Err(SqlError::Other(format!(
                        "column {index} has an unsupported value: {other:?}"
                    )));
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
struct PostgresParam<'a>(&'a Value);

impl ToSql for PostgresParam<'_> {
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
    /// Runs `work` on the connection. `work` gets `params` in the types of the PostgreSQL client.
    fn run<T>(
        &self,
        params: &[Value],
        work: impl FnOnce(&mut postgres::Client, &[&(dyn ToSql + Sync)]) -> Result<T, postgres::Error>,
    ) -> Result<T, DriverError> {
        let sent: Vec<_> = params.iter().map(PostgresParam).collect();
        let sent: Vec<&(dyn ToSql + Sync)> =
            sent.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
        let mut client = self.client.borrow_mut();
        let client = client
            .as_mut()
            .ok_or_else(|| error_without_code("no connection".to_owned()))?;
        work(client, &sent).map_err(|error| driver_error(&error))
    }
}

fn driver_error(error: &postgres::Error) -> DriverError {
    DriverError {
        code: error.code().map(|code| code.code().to_owned()),
        message: format!(
            "{error}: {:?}",
            error.as_db_error().map(ToString::to_string)
        ),
    }
}

fn error_without_code(message: String) -> DriverError {
    DriverError {
        code: None,
        message,
    }
}

impl Driver for Pooled {
    fn query(&self, statement: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, DriverError> {
        let rows = self.run(params, |client, params| client.query(statement, params))?;
        if rows.is_empty() {
            return Err(error_without_code(format!(
                "`{statement}` returned no rows, and Spin 4.0.0 to 4.0.2 never answers such a query"
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
                _ => {
                    return Err(error_without_code(format!(
                        "column {index} has the unsupported type {ty}"
                    )));
                }
            };
            let value = value.map_err(|error| driver_error(&error))?;
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
            _ => Err(error_without_code(format!(
                "`{statement}` returns rows, so it must be sent as a query"
            ))),
        }
    }
}

/// Checks that the parameters of a statement first appear in the order `$1`, `$2`, ... SQLite numbers the parameters by first
/// appearance, and PostgreSQL numbers them by the digits in their names. In any other order, a statement would mean different
/// things in the two databases.
fn check_placeholders(statement: &str, params: usize) -> Result<(), SqlError> {
    let mut highest = 0;
    for part in statement.split('$').skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        let number: usize = digits
            .parse()
            .map_err(|_| SqlError::Other(format!("`{statement}`: a $ has no number")))?;
        if number > highest + 1 {
            return Err(SqlError::Other(format!(
                "`{statement}`: ${number} appears before ${}",
                highest + 1
            )));
        }
        highest = highest.max(number);
    }
    if highest == params {
        Ok(())
    } else {
        Err(SqlError::Other(format!(
            "`{statement}`: expected {highest} parameters, got {params}"
        )))
    }
}
