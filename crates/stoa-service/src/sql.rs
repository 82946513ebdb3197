//! SQL behind one small trait: statements, transactions and migrations, in the part of SQL that SQLite and PostgreSQL
//! share. `sql/postgres.rs` has what only PostgreSQL needs.
//!
//! Rules for statements, so that both databases accept them:
//! - parameters are `$1`, `$2`, ... and make their **first appearance in that order** (SQLite numbers them so);
//! - one statement per string (Spin runs the first and ignores the rest);
//! - types are `BIGINT` and `TEXT`; instants are milliseconds ([`crate::time`]), booleans 0 or 1, identifiers text;
//! - `ON CONFLICT` and `RETURNING` are fine; features that differ (`FOR UPDATE`, `PRAGMA`) are not used. Conditional updates
//!   and the subject of a transaction ([`transaction`]) keep concurrent writers apart;
//! - rows of several keys are changed in the order of the keys, to avoid deadlocks between two writers.
//!
//! Table names begin with the service's name, so all services may share one file.

use std::fmt;
use std::str::FromStr;

pub mod postgres;

/// A value in or out of the database.
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
    /// Another writer held the database for longer than the driver waits; a retry may help.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// A unique or primary key constraint failed.
    #[error("already there: {0}")]
    Duplicate(String),
    /// A column is not of the type that the program expects.
    #[error("column {column} of `{statement}` holds {found}")]
    Shape {
        /// The column's index.
        column: usize,
        /// The beginning of the statement.
        statement: String,
        /// The value that it has instead.
        found: String,
    },
    /// Any other error, in the database's words.
    #[error("{0}")]
    Other(String),
}

impl SqlError {
    /// Classifies an error message of SQLite (Spin returns only text).
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

/// A connection. It belongs to one request.
pub trait Database {
    /// Runs one statement and returns its rows. A statement without `RETURNING` has none.
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError>;

    /// Opens a transaction. No other transaction of the same subject runs at the same time; with SQLite, no other transaction at all.
    fn begin(&self, _subject: &str) -> Result<(), SqlError> {
        self.execute("BEGIN IMMEDIATE", &[]).map(drop)
    }
}

/// The rows of a result. They borrow the statement, which an error quotes.
#[derive(Debug)]
pub struct Rows<'s> {
    statement: &'s str,
    rows: Vec<Vec<Value>>,
}

impl<'s> Rows<'s> {
    /// Made by a [`Database`].
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

    /// Reads the first row with `read`.
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
            .ok_or_else(|| SqlError::Shape {
                column: index,
                statement: crate::text::shorten(self.statement),
                found: value.map_or("nothing".to_owned(), |v| {
                    crate::text::shorten(&format!("{v:?}"))
                }),
            })
    }

    /// The value of column `index` as a type that has a word for each of its values, such as an enum with strum's `EnumString`.
    pub fn word<T: FromStr>(&self, index: usize) -> Result<T, SqlError> {
        let word: String = self.get(index)?;
        word.parse().map_err(|_| SqlError::Shape {
            column: index,
            statement: crate::text::shorten(self.statement),
            found: format!("`{}`", crate::text::shorten(&word)),
        })
    }
}

/// A type that can be read from a column.
pub trait FromValue: Sized {
    /// `None` if the value has another type.
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

/// `params![order_id, quantity]`: the values of `$1`, `$2`, ...
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::sql::Value::from($value)),*][..]
    };
}

/// `$3, $4, $5`: the placeholders of `count` parameters from `$first` on, for `IN (...)`.
pub fn places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    places.join(", ")
}

/// Runs `work` inside one transaction: committed if it returns `Ok`, rolled back if it returns `Err`.
///
/// `subject` is the entity that it changes: an order, a user. No other transaction of that subject runs between its reads and
/// its writes. Data that others may change at the same time (stock) needs a conditional update.
///
/// Keep it short and never call another service inside: other writers wait.
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
        // The first error is the one to return; a connection that cannot roll back does so when it is closed.
        let _ = db.execute("ROLLBACK", &[]);
    }
    outcome
}

/// A step of a migration.
pub enum Step {
    /// One statement.
    Sql(&'static str),
    /// Any other step, such as filling a table.
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

/// The tables of a service, as a list of migrations. Append only; never change a released migration.
#[derive(Debug)]
pub struct Schema {
    /// The service's name, the key in the version table.
    pub service: &'static str,
    /// `migrations[n - 1]` leads to version `n`.
    pub migrations: &'static [&'static [Step]],
}

impl Schema {
    /// Migrates the database to this version. Cheap when there is nothing to do: one read by primary key.
    ///
    /// A newer database stays unchanged: a canary's tables must serve the stable release too, so migrations
    /// only add.
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
            // Read again: another instance may have migrated while this one waited for the lock.
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
