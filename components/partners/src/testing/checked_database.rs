//! A database for thousands of short test runs. It checks the query plan of every statement.
#![expect(
    clippy::unwrap_used,
    reason = "an error of the database must fail the test"
)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use stoa_service::sql::{Database, Rows, Schema, SqlError, Value};
use stoa_service::testing::{Connection, TestDatabase, is_postgres};

/// A database that reuses its connections, so thousands of runs are fast. A statement whose query plan reads a whole table fails
/// the test.
#[derive(Clone)]
pub struct CheckedDatabase(Arc<Shared>);

struct Shared {
    idle: Mutex<Vec<Connection>>,
    explained: Mutex<BTreeSet<String>>,
    database: TestDatabase,
}

impl CheckedDatabase {
    /// A new database with the tables of `schema`.
    pub fn new(schema: &Schema) -> Self {
        let database = Self(Arc::new(Shared {
            idle: Mutex::default(),
            explained: Mutex::default(),
            database: TestDatabase::new(),
        }));
        schema.ensure(&database.0.database.connect()).unwrap();
        database
    }

    /// A connection for a request.
    pub fn open(&self) -> CheckedConnection {
        let idle = self.0.idle.lock().unwrap().pop();
        let connection = idle.unwrap_or_else(|| self.0.database.connect());
        CheckedConnection(Some(connection), self.clone())
    }

    /// Runs a statement of the test, which may read a whole table.
    pub fn run<'s>(&self, statement: &'s str) -> Rows<'s> {
        let connection = self.open();
        connection.connection().execute(statement, &[]).unwrap()
    }
}

/// A connection of a [`CheckedDatabase`]. When the value is dropped, the database keeps the inner connection for the next request.
pub struct CheckedConnection(Option<Connection>, CheckedDatabase);

impl CheckedConnection {
    fn connection(&self) -> &Connection {
        self.0.as_ref().unwrap()
    }

    fn check_plan(&self, statement: &str, params: &[Value]) {
        let verb = statement.split_whitespace().next().unwrap_or_default();
        // Statements with COUNT(*) are not checked, because they count the entries of an outbox or a queue, whose table is nearly
        // empty. Plans of PostgreSQL are not checked, because they depend on the contents of the tables, which are small in tests.
        if is_postgres()
            || !["SELECT", "UPDATE", "DELETE"].contains(&verb)
            || statement.contains("COUNT(*)")
        {
            return;
        }
        if !self
            .1
            .0
            .explained
            .lock()
            .unwrap()
            .insert(statement.to_owned())
        {
            return;
        }
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let plan = self.connection().execute(&explain, params);
        for row in plan.unwrap().iter() {
            let step: String = row.get(3).unwrap();
            assert!(!step.starts_with("SCAN"), "{statement}: {step}");
            assert!(!step.contains("TEMP B-TREE"), "{statement}: {step}");
        }
    }
}

impl Database for CheckedConnection {
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError> {
        self.check_plan(statement, params);
        self.connection().execute(statement, params)
    }

    fn begin(&self, subject: &str) -> Result<(), SqlError> {
        self.connection().begin(subject)
    }
}

impl Drop for CheckedConnection {
    fn drop(&mut self) {
        // A thread that panics may have left a transaction open. Its connection is then not used again but closed, so the
        // transaction ends.
        if !std::thread::panicking() {
            self.1.0.idle.lock().unwrap().extend(self.0.take());
        }
    }
}
