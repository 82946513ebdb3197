//! SQL statements, transactions and migrations, in the part of SQL that SQLite and PostgreSQL share. The file `sql/postgres.rs`
//! contains the code that only PostgreSQL needs.
//!
//! Rules for statements, so that both databases accept them:
//! - Parameters are `$1`, `$2`, ... and **first appear in this order**, because SQLite numbers parameters by their first
//!   appearance.
//! - A string contains only one statement, because Spin runs only the first statement of a string.
//! - Columns have the types `BIGINT` and `TEXT`. Instants are milliseconds ([`crate::time`]), booleans are 0 or 1, identifiers are
//!   text.
//! - `ON CONFLICT` and `RETURNING` are allowed. Features that differ between the databases (`FOR UPDATE`, `PRAGMA`) are not.
//!   Conditional updates and the subject of a transaction ([`transaction`]) protect data from concurrent writers.
//! - A transaction that changes several rows changes them in the order of their keys, to avoid deadlocks with another writer.
//!
//! Table names begin with the service's name, so all services may share one SQLite file.

use std::fmt;
use std::str::FromStr;

pub mod postgres;

/// The value of a parameter or of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BIGINT.
    Integer(i64),
    /// TEXT.
    Text(String),
}

/// Why a statement failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// Another writer locked the database for longer than the database client waits. A retry may help.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// A unique or primary key constraint failed.
    #[error("a row with this key already exists: {0}")]
    Duplicate(String),
    /// The value of a column does not have the type that the program expects.
    #[error("column {column} of `{statement}` has an unexpected value: {found}")]
    UnexpectedValue {
        /// The column's index, counted from 0.
        column: usize,
        /// The beginning of the statement.
        statement: String,
        /// The column's value.
        found: String,
    },
    /// Any other error. The value is the database's message.
    #[error("{0}")]
    Other(String),
}

impl SqlError {
    /// Classifies an error of SQLite by its message, because Spin returns only the message.
    pub fn from_message(message: String) -> Self {
        if message.contains("database is locked") || message.contains("database table is locked") {
            Self::Busy(message)
        } else if message.contains("UNIQUE constraint failed") {
            Self::Duplicate(message)
        } else {
            Self::Other(message)
        }
    }
}

/// A database connection, used by one request.
pub trait Database {
    /// Runs one statement and returns its rows. A statement that writes returns rows only if it has `RETURNING`.
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError>;

    /// Begins a transaction. Transactions with the same subject never run at the same time. SQLite runs only one write transaction
    /// at a time, whatever its subject.
    fn begin(&self, _subject: &str) -> Result<(), SqlError> {
        self.execute("BEGIN IMMEDIATE", &[]).map(drop)
    }
}

/// The rows of a result. The value also holds the statement, because errors quote it.
#[derive(Debug)]
pub struct Rows<'s> {
    statement: &'s str,
    rows: Vec<Vec<Value>>,
}

impl<'s> Rows<'s> {
    /// Makes the result of `statement`; only implementations of [`Database`] call this.
    pub fn new(statement: &'s str, rows: Vec<Vec<Value>>) -> Self {
        Self { statement, rows }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The first row.
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|values| Row {
            statement: self.statement,
            values,
        })
    }

    /// Reads every row with `read`.
    pub fn map<T>(
        &self,
        read: impl Fn(Row<'_>) -> Result<T, SqlError>,
    ) -> Result<Vec<T>, SqlError> {
        self.iter().map(read).collect()
    }

    /// Reads the first row with `read`; `None` if there are no rows.
    pub fn one<T>(
        &self,
        read: impl Fn(Row<'_>) -> Result<T, SqlError>,
    ) -> Result<Option<T>, SqlError> {
        self.first().map(read).transpose()
    }
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    statement: &'a str,
    values: &'a [Value],
}

impl Row<'_> {
    /// The value of column `index`, counted from 0.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T, SqlError> {
        let value = self.values.get(index);
        value
            .and_then(T::from_value)
            .ok_or_else(|| SqlError::UnexpectedValue {
                column: index,
                statement: crate::text::shorten(self.statement),
                found: value.map_or("no value".to_owned(), |v| {
                    crate::text::shorten(&format!("{v:?}"))
                }),
            })
    }

    /// The text of column `index`, parsed as `T`. `T` is usually an enum with strum's `EnumString`.
    pub fn parse<T: FromStr>(&self, index: usize) -> Result<T, SqlError> {
        let text: String = self.get(index)?;
        text.parse().map_err(|_| SqlError::UnexpectedValue {
            column: index,
            statement: crate::text::shorten(self.statement),
            found: format!("`{}`", crate::text::shorten(&text)),
        })
    }
}

/// A type that can be read from a column.
pub trait FromValue: Sized {
    /// Converts the value of a column; `None` if the value has another type.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(v) => Some(*v),
            _ => None,
        }
    }
}

impl FromValue for u32 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(|v| v != 0)
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(v) => Some(v.clone()),
            _ => None,
        }
    }
}

impl FromValue for uuid::Uuid {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(v) => uuid::Uuid::parse_str(v).ok(),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}

macro_rules! into_value {
    ($($type:ty => |$v:ident| $make:expr),* $(,)?) => {
        $(impl From<$type> for Value {
            fn from($v: $type) -> Self {
                $make
            }
        })*
    };
}

into_value! {
    i64 => |v| Value::Integer(v),
    u32 => |v| Value::Integer(v.into()),
    bool => |v| Value::Integer(v.into()),
    String => |v| Value::Text(v),
    &str => |v| Value::Text(v.to_owned()),
    &String => |v| Value::Text(v.clone()),
    uuid::Uuid => |v| Value::Text(v.to_string()),
    &uuid::Uuid => |v| Value::Text(v.to_string()),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Makes the values of the parameters `$1`, `$2`, ..., such as `params![order_id, quantity]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::sql::Value::from($value)),*][..]
    };
}

/// The placeholders of `count` parameters for `IN (...)`, beginning with `$first`: `placeholders(3, 2)` is `$3, $4`.
pub fn placeholders(first: usize, count: usize) -> String {
    let placeholders: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    placeholders.join(", ")
}

/// Runs `work` in one transaction. The transaction is committed if `work` returns `Ok`, and rolled back if `work` returns `Err`.
///
/// `subject` names the entity that `work` changes, such as an order or a user. Transactions with the same subject never run at the
/// same time. Data that transactions with other subjects also change, such as stock, needs conditional updates.
///
/// Keep `work` short, and never call another service in it, because other writers wait until it ends.
pub fn transaction<T, E: From<SqlError>>(
    db: &dyn Database,
    subject: impl fmt::Display,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    db.begin(&subject.to_string())?;
    let outcome = work().and_then(|value| {
        db.execute("COMMIT", &[])?;
        Ok(value)
    });
    if outcome.is_err() {
        // A failed rollback is ignored: the caller gets the first error, and closing the connection also rolls the transaction
        // back.
        let _ = db.execute("ROLLBACK", &[]);
    }
    outcome
}

/// A step of a migration.
pub enum Step {
    /// One SQL statement.
    Sql(&'static str),
    /// A function that the migration calls, for example to fill a table.
    Run(fn(&dyn Database) -> Result<(), SqlError>),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Sql(statement) => f.write_str(statement),
            Step::Run(_) => f.write_str("fn"),
        }
    }
}

/// All migrations that create a service's tables. Add a migration at the end, and never change a released migration.
#[derive(Debug)]
pub struct Schema {
    /// The service's name, which is the key in the version table.
    pub service: &'static str,
    /// The migrations: `migrations[n - 1]` changes version `n - 1` of the tables to version `n`.
    pub migrations: &'static [&'static [Step]],
}

impl Schema {
    /// Migrates the database to the latest version of this schema. If there is nothing to do, this costs one read by primary key.
    ///
    /// A database with a newer version stays unchanged. Migrations only add tables, columns and indexes, so that the stable release
    /// works with the tables of a canary.
    pub fn ensure(&self, db: &dyn Database) -> Result<(), SqlError> {
        let wanted = i64::try_from(self.migrations.len()).unwrap_or(i64::MAX);
        if self.version(db).is_ok_and(|version| version >= wanted) {
            return Ok(());
        }
        transaction(db, "schema", || {
            db.execute(
                "CREATE TABLE IF NOT EXISTS schema_version (service TEXT PRIMARY KEY, version BIGINT NOT NULL)",
                &[],
            )?;
            // The version is read again, because another instance may have migrated while this instance waited for the lock.
            let version = self.version(db)?;
            for migration in self
                .migrations
                .iter()
                .skip(usize::try_from(version).unwrap_or(0))
            {
                for step in *migration {
                    match step {
                        Step::Sql(statement) => {
                            db.execute(statement, &[])?;
                        }
                        Step::Run(run) => run(db)?,
                    }
                }
            }
            db.execute(
                "INSERT INTO schema_version (service, version) VALUES ($1, $2)
                 ON CONFLICT (service) DO UPDATE SET version = excluded.version",
                params![self.service, wanted.max(version)],
            )?;
            Ok(())
        })
    }

    fn version(&self, db: &dyn Database) -> Result<i64, SqlError> {
        let rows = db.execute(
            "SELECT version FROM schema_version WHERE service = $1",
            params![self.service],
        )?;
        Ok(rows.one(|row| row.get(0))?.unwrap_or(0))
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests;
