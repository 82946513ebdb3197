#![expect(
    clippy::indexing_slicing,
    reason = "a fixture that fails must fail the test that uses it"
)]

use super::*;
use crate::testing::TestDatabase;

const VERSION_1: Schema = Schema {
    service: "test",
    migrations: &[&[
        Step::Sql("CREATE TABLE test_a (id BIGINT PRIMARY KEY, name TEXT)"),
        Step::Run(|db| {
            db.execute("INSERT INTO test_a VALUES (1, 'one')", &[])
                .map(drop)
        }),
    ]],
};
const VERSION_2: Schema = Schema {
    service: "test",
    migrations: &[
        VERSION_1.migrations[0],
        &[Step::Sql("ALTER TABLE test_a ADD COLUMN b BIGINT")],
    ],
};

#[test]
fn concurrent_instances_migrate_once() {
    let database = TestDatabase::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| VERSION_1.ensure(&database.connect()).unwrap());
        }
    });
    let db = database.connect();
    assert_eq!(db.execute("SELECT * FROM test_a", &[]).unwrap().len(), 1);
    VERSION_2.ensure(&db).unwrap();
    VERSION_1.ensure(&db).unwrap();
    assert_eq!(VERSION_2.version(&db).unwrap(), 2);
}

#[test]
fn a_failing_migration_leaves_nothing_behind() {
    const BROKEN: Schema = Schema {
        service: "broken",
        migrations: &[&[
            Step::Sql("CREATE TABLE broken_a (id BIGINT)"),
            Step::Sql("NONSENSE"),
        ]],
    };
    let database = TestDatabase::new();
    let db = database.connect();
    assert!(BROKEN.ensure(&db).is_err());
    assert!(db.execute("SELECT * FROM broken_a", &[]).is_err());
}

#[test]
fn an_error_rolls_the_transaction_back() {
    let database = TestDatabase::new();
    let db = database.connect();
    VERSION_1.ensure(&db).unwrap();
    let outcome: Result<(), SqlError> = transaction(&db, 1, || {
        db.execute("DELETE FROM test_a", &[])?;
        db.execute("INSERT INTO test_a VALUES (1, 'x'), (1, 'y')", &[])?;
        Ok(())
    });
    assert!(
        matches!(outcome, Err(SqlError::Duplicate(_))),
        "{outcome:?}"
    );
    assert_eq!(db.execute("SELECT * FROM test_a", &[]).unwrap().len(), 1);
}

#[test]
fn the_error_names_a_column_of_another_type() {
    let database = TestDatabase::new();
    let rows = database.connect().execute("SELECT 'a', NULL", &[]).unwrap();
    let row = rows.first().unwrap();
    assert!(
        row.get::<i64>(0)
            .unwrap_err()
            .to_string()
            .contains("column 0")
    );
    assert_eq!(row.get::<Option<String>>(1).unwrap(), None);
    assert!(row.get::<String>(2).is_err());
}
