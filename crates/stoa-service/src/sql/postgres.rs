//! PostgreSQL beyond the shared statements: transactions that lock their subject, and pooled connections.
//!
//! Statements run at READ COMMITTED: a conditional update sees what others have committed, and waits for a concurrent writer of the row.
//! A transaction first takes an advisory lock on its subject, so what it has read of the subject stays true until it commits.
//!
//! The host's pool may return a connection on which a guest died between BEGIN and COMMIT (Spin does). Every transaction here is
//! marked with the word DEFERRABLE, which has no effect on one that writes. A connection that still has the mark is rolled back.
//!
//! `query` in Spin 4.0.0 to 4.0.2 never returns when there are no rows (spinframework/spin#3671). Statements without rows therefore use
//! `execute`, and every other statement is wrapped so that it returns at least one row.

use super::{Database, Rows, SqlError, Value};

/// SQLSTATE of a statement after an error in the same transaction.
const IN_FAILED_TRANSACTION: &str = "25P02";
/// Defaults where `database_url` has no options: the lock timeout, and how long the server keeps an idle transaction whose client died.
const OPTIONS: &str = "-c%20lock_timeout%3D5000%20-c%20idle_in_transaction_session_timeout%3D15000";

/// The address of a service's database: `database_url` with `{service}` replaced by the service's name. So one value
/// serves all services, if each has a database and a role of its own name.
pub fn address(url: &str, service: &str) -> String {
    let url = url.replace("{service}", service);
    match url.split_once('?') {
        Some((_, query)) if query.split('&').any(|pair| pair.starts_with("options=")) => url,
        Some(_) => format!("{url}&options={OPTIONS}"),
        None => format!("{url}?options={OPTIONS}"),
    }
}

/// A client of PostgreSQL: Spin's interface, or a native client in tests.
pub trait Driver {
    /// Runs one statement that always returns at least one row.
    fn query(&self, statement: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, DriverError>;

    /// Runs one statement that returns no rows.
    fn execute(&self, statement: &str, params: &[Value]) -> Result<(), DriverError>;
}

/// Whether the statement returns rows: it reads, or it has a RETURNING clause.
fn returns_rows(statement: &str) -> bool {
    let mut words = statement.split_ascii_whitespace();
    matches!(words.next(), Some("SELECT" | "WITH")) || words.any(|word| word == "RETURNING")
}

/// The statement with a column before its own: TRUE in each of its rows, NULL in the single row that stands for an empty result.
/// A nested loop over one outer row keeps the order of the statement's rows.
fn with_a_row(statement: &str) -> String {
    format!(
        "WITH found AS ({statement}) \
         SELECT r.* FROM (SELECT 1) AS one LEFT JOIN (SELECT TRUE, found.* FROM found) AS r ON TRUE"
    )
}

/// A driver's error for a failed statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverError {
    /// The SQLSTATE, if the server answered.
    pub code: Option<String>,
    /// The message.
    pub message: String,
}

impl From<DriverError> for SqlError {
    fn from(error: DriverError) -> Self {
        match error.code.as_deref() {
            // Unique violation; a table, a column or an object that exists already.
            Some("23505" | "42P07" | "42701" | "42710") => Self::Duplicate(error.message),
            // Serialization failure, deadlock, lock not available, statement cancelled, too many connections.
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
    /// Takes a connection from a pool, and rolls back a transaction that was left open on it.
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
        let mut rows = self.driver.query(&with_a_row(statement), params)?;
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
    fn one_address_does_for_all_services() {
        let with = |rest: &str| format!("postgres://order:x@db:5432/order?{rest}");
        let url = "postgres://{service}:x@db:5432/{service}";
        assert_eq!(address(url, "order"), with(&format!("options={OPTIONS}")));
        assert_eq!(
            address(&format!("{url}?sslmode=require"), "order"),
            with(&format!("sslmode=require&options={OPTIONS}"))
        );
        let own = format!("{url}?options=-c%20lock_timeout%3D1");
        assert_eq!(
            address(&own, "order"),
            with("options=-c%20lock_timeout%3D1")
        );
    }

    /// Returns a fixed result for the first statement, and records all statements.
    struct Told(Result<&'static str, &'static str>, RefCell<Vec<String>>);

    impl Driver for &Told {
        fn query(&self, statement: &str, _: &[Value]) -> Result<Vec<Vec<Value>>, DriverError> {
            let mut seen = self.1.borrow_mut();
            seen.push(statement.to_owned());
            match (seen.len(), self.0) {
                (1, Ok(text)) => Ok(vec![vec![text.into()]]),
                (1, Err(code)) => Err(DriverError {
                    code: Some(code.to_owned()),
                    message: "no".to_owned(),
                }),
                _ => Ok(Vec::new()),
            }
        }

        fn execute(&self, statement: &str, _: &[Value]) -> Result<(), DriverError> {
            self.1.borrow_mut().push(statement.to_owned());
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
    fn what_somebody_left_open_is_rolled_back_and_nothing_else() {
        for (answer, rolled_back) in [(Ok("off"), false), (Ok("on"), true), (Err("25P02"), true)] {
            let told = Told(answer, RefCell::default());
            assert!(Postgres::new(&told).is_ok(), "{answer:?}");
            assert_eq!(
                told.1.borrow().contains(&"ROLLBACK".to_owned()),
                rolled_back,
                "{answer:?}"
            );
        }
        let told = Told(Err("57P01"), RefCell::default());
        assert!(matches!(Postgres::new(&told), Err(SqlError::Other(_))));
    }
}
