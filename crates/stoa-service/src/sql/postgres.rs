//! The parts that only PostgreSQL needs: transactions that lock their subject, and connections from a pool.
//!
//! Statements run at READ COMMITTED, so a conditional update sees what other transactions have committed, and waits for a
//! concurrent writer of the row. A transaction first takes an advisory lock on its subject, so no other transaction with this
//! subject runs before the commit.
//!
//! The host's pool (Spin's, for example) may return a connection on which a guest died between BEGIN and COMMIT. Every transaction
//! therefore begins with BEGIN DEFERRABLE, a mode that has no effect on transactions that write. A connection that is still in this
//! mode has an open transaction, which is rolled back.
//!
//! `query` in Spin 4.0.0 to 4.0.2 never returns if there are no rows (spinframework/spin#3671). Statements without rows therefore
//! use `execute`, and every other statement is wrapped so that it returns at least one row.

use super::{Database, Rows, SqlError, Value};

/// The SQLSTATE that PostgreSQL reports for each further statement of a transaction in which a statement has failed.
const IN_FAILED_TRANSACTION: &str = "25P02";
/// The connection options that are used if `database_url` contains no options. The lock timeout is 5 s. The server ends a
/// transaction that is idle for 15 s, because the client may have died.
const DEFAULT_OPTIONS: &str =
    "-c%20lock_timeout%3D5000%20-c%20idle_in_transaction_session_timeout%3D15000";

/// The URL of a service's database: `database_url` with `{service}` replaced by the service's name. So all services can have the
/// same setting, if each has a database and a role with the service's name.
pub fn service_url(url: &str, service: &str) -> String {
    let url = url.replace("{service}", service);
    match url.split_once('?') {
        Some((_, query)) if query.split('&').any(|pair| pair.starts_with("options=")) => url,
        Some(_) => format!("{url}&options={DEFAULT_OPTIONS}"),
        None => format!("{url}?options={DEFAULT_OPTIONS}"),
    }
}

/// A client of PostgreSQL: Spin's interface, or a native client in tests.
pub trait Driver {
    /// Runs one statement that always returns at least one row.
    fn query(&self, statement: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, DriverError>;

    /// Runs one statement that returns no rows.
    fn execute(&self, statement: &str, params: &[Value]) -> Result<(), DriverError>;
}

/// True if the statement returns rows, because it reads or has a RETURNING clause.
fn returns_rows(statement: &str) -> bool {
    let mut words = statement.split_ascii_whitespace();
    matches!(words.next(), Some("SELECT" | "WITH")) || words.any(|word| word == "RETURNING")
}

/// Wraps a statement so that its result has at least one row. The wrapper adds a first column: TRUE in each row of the statement,
/// NULL in the single row that stands for an empty result. PostgreSQL runs the wrapped statement as a nested loop over one outer
/// row, which keeps the order of the rows.
fn with_at_least_one_row(statement: &str) -> String {
    format!(
        "WITH found AS ({statement}) \
         SELECT r.* FROM (SELECT 1) AS one LEFT JOIN (SELECT TRUE, found.* FROM found) AS r ON TRUE"
    )
}

/// The error that a PostgreSQL client returns for a failed statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverError {
    /// The SQLSTATE, if the error comes from the server.
    pub code: Option<String>,
    /// The message.
    pub message: String,
}

impl From<DriverError> for SqlError {
    fn from(error: DriverError) -> Self {
        match error.code.as_deref() {
            // SQLSTATE codes: a unique constraint failed, or a table, column or other object already exists.
            Some("23505" | "42P07" | "42701" | "42710") => Self::Duplicate(error.message),
            // SQLSTATE codes: serialization failure, deadlock, lock not available, statement cancelled, too many connections.
            Some("40001" | "40P01" | "55P03" | "57014" | "53300") => Self::Busy(error.message),
            _ => Self::Other(error.message),
        }
    }
}

/// A connection to PostgreSQL.
pub struct Postgres<D> {
    driver: D,
}

impl<D: Driver> Postgres<D> {
    /// Takes over a connection from a pool. If the previous user of the connection left a transaction open, that transaction is
    /// rolled back.
    pub fn new(driver: D) -> Result<Self, SqlError> {
        let mark = driver.query("SELECT current_setting('transaction_deferrable')", &[]);
        let left_open = match mark {
            Ok(rows) => rows != [[Value::Text("off".to_owned())]],
            Err(error) if error.code.as_deref() == Some(IN_FAILED_TRANSACTION) => true,
            Err(error) => return Err(error.into()),
        };
        if left_open {
            driver.execute("ROLLBACK", &[])?;
        }
        Ok(Self { driver })
    }
}

impl<D: Driver> Database for Postgres<D> {
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError> {
        if !returns_rows(statement) {
            self.driver.execute(statement, params)?;
            return Ok(Rows::new(statement, Vec::new()));
        }
        let mut rows = self
            .driver
            .query(&with_at_least_one_row(statement), params)?;
        rows.retain_mut(|row| !row.is_empty() && row.remove(0) != Value::Null);
        Ok(Rows::new(statement, rows))
    }

    fn begin(&self, subject: &str) -> Result<(), SqlError> {
        self.execute("BEGIN DEFERRABLE", &[])?;
        let lock = "SELECT 1 FROM pg_advisory_xact_lock(hashtextextended($1, 0))";
        let locked = self.driver.query(lock, &[subject.into()]);
        if locked.is_err() {
            let _ = self.execute("ROLLBACK", &[]);
        }
        Ok(locked.map(drop)?)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn one_setting_gives_each_service_its_own_database() {
        let with = |rest: &str| format!("postgres://order:x@db:5432/order?{rest}");
        let url = "postgres://{service}:x@db:5432/{service}";
        assert_eq!(
            service_url(url, "order"),
            with(&format!("options={DEFAULT_OPTIONS}"))
        );
        assert_eq!(
            service_url(&format!("{url}?sslmode=require"), "order"),
            with(&format!("sslmode=require&options={DEFAULT_OPTIONS}"))
        );
        let with_options = format!("{url}?options=-c%20lock_timeout%3D1");
        assert_eq!(
            service_url(&with_options, "order"),
            with("options=-c%20lock_timeout%3D1")
        );
    }

    /// Returns a fixed result for the first statement, and records all statements.
    struct FakeDriver {
        first_result: Result<&'static str, &'static str>,
        statements: RefCell<Vec<String>>,
    }

    impl Driver for &FakeDriver {
        fn query(&self, statement: &str, _: &[Value]) -> Result<Vec<Vec<Value>>, DriverError> {
            let mut statements = self.statements.borrow_mut();
            statements.push(statement.to_owned());
            match (statements.len(), self.first_result) {
                (1, Ok(text)) => Ok(vec![vec![text.into()]]),
                (1, Err(code)) => Err(DriverError {
                    code: Some(code.to_owned()),
                    message: "no".to_owned(),
                }),
                _ => Ok(Vec::new()),
            }
        }

        fn execute(&self, statement: &str, _: &[Value]) -> Result<(), DriverError> {
            self.statements.borrow_mut().push(statement.to_owned());
            Ok(())
        }
    }

    #[test]
    fn a_statement_without_rows_is_never_sent_as_a_query() {
        for rows in [
            "SELECT 1",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "DELETE FROM a\n   WHERE b = $1\n   RETURNING c",
        ] {
            assert!(returns_rows(rows), "{rows}");
        }
        for none in [
            "BEGIN DEFERRABLE",
            "ROLLBACK",
            "CREATE TABLE a (returning_id BIGINT)",
            "INSERT INTO a SELECT b FROM c",
            "UPDATE a SET b = $1",
        ] {
            assert!(!returns_rows(none), "{none}");
        }
    }

    #[test]
    fn only_a_transaction_that_was_left_open_is_rolled_back() {
        let driver = |first_result| FakeDriver {
            first_result,
            statements: RefCell::default(),
        };
        for (result, rolled_back) in [(Ok("off"), false), (Ok("on"), true), (Err("25P02"), true)] {
            let driver = driver(result);
            assert!(Postgres::new(&driver).is_ok(), "{result:?}");
            assert_eq!(
                driver.statements.borrow().contains(&"ROLLBACK".to_owned()),
                rolled_back,
                "{result:?}"
            );
        }
        let driver = driver(Err("57P01"));
        assert!(matches!(Postgres::new(&driver), Err(SqlError::Other(_))));
    }
}
