//! A database for thousands of short test runs, which checks the plan of every statement.
#![expect(
    clippy::unwrap_used,
    reason = "a test whose database breaks cannot continue"
)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use stoa_service::sql::{Database, Rows, Schema, SqlError, Value};
use stoa_service::testing::{Connection, TestDatabase, is_postgres};

/// A database that reuses its connections, so that thousands of runs are fast. A statement that
/// would read a whole table fails the test.
#[derive(Clone)]
pub struct Books(Arc<Shelf>);

struct Shelf {
    kept: Mutex<Vec<Connection>>,
    explained: Mutex<BTreeSet<String>>,
    database: TestDatabase,
}

impl Books {
    /// Empty books.
    pub fn new(schema: &Schema) -> Self {
        let books = Self(Arc::new(Shelf {
            kept: Mutex::default(),
            explained: Mutex::default(),
            database: TestDatabase::new(),
        }));
        schema.ensure(&books.0.database.connect()).unwrap();
        books
    }

    /// A connection for a request.
    pub fn open(&self) -> Lent {
        let kept = self.0.kept.lock().unwrap().pop();
        let connection = kept.unwrap_or_else(|| self.0.database.connect());
        Lent(Some(connection), self.clone())
    }

    /// Runs a statement of the test itself, which may read a whole table.
    pub fn run<'s>(&self, statement: &'s str) -> Rows<'s> {
        let lent = self.open();
        lent.connection().execute(statement, &[]).unwrap()
    }
}

/// A connection, returned to the books when it is dropped.
pub struct Lent(Option<Connection>, Books);

impl Lent {
    fn connection(&self) -> &Connection {
        self.0.as_ref().unwrap()
    }

    fn explain(&self, statement: &str, params: &[Value]) {
        let verb = statement.split_whitespace().next().unwrap_or_default();
        // Passes over an outbox or a queue count its entries, and such a table is nearly empty.
        // PostgreSQL's plans depend on the contents of the tables, which are small here.
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

impl Database for Lent {
    fn execute<'s>(&self, statement: &'s str, params: &[Value]) -> Result<Rows<'s>, SqlError> {
        self.explain(statement, params);
        self.connection().execute(statement, params)
    }

    fn begin(&self, subject: &str) -> Result<(), SqlError> {
        self.connection().begin(subject)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // A request that died may have left a transaction open, which ends with the connection.
        if !std::thread::panicking() {
            self.1.0.kept.lock().unwrap().extend(self.0.take());
        }
    }
}
