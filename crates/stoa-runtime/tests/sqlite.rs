//! The interfaces `fermyon:spin/sqlite@2.0.0` and `spin:sqlite/sqlite@3.0.0`.
use bytes::Bytes;
use http::Method;
use std::time::{Duration, Instant};

use crate::support::{Running, Setup};

const MANIFEST: &str = r#"
[[trigger.http]]
route = "/..."
component = "sql"
[component.sql]
source = "{guest-sqlite}"
sqlite_databases = ["default", "other"]
[[trigger.http]]
route = { private = true }
component = "keeper"
[component.keeper]
source = "{guest-sqlite}"
sqlite_databases = ["kept"]
"#;

fn start() -> Running {
    Setup::new(MANIFEST).start()
}

fn run(app: &Running, statements: &[&str]) -> Vec<String> {
    let answer = app.post("/v3", statements.join("\n"));
    assert_eq!(answer.status, 200);
    answer.text().lines().map(str::to_owned).collect()
}

#[test]
fn carries_every_kind_of_value() {
    let app = start();
    let expected = r#"["a", "b", "c", "d", "e"] Some([Value::Integer(-9223372036854775808), Value::Real(0.5), Value::Text("grün"), Value::Blob([0, 255]), Value::Null])"#;
    assert_eq!(app.get("/values").text(), expected);
}

#[test]
fn answers_both_versions_of_the_interface_from_one_file() {
    let app = start();
    run(&app, &["CREATE TABLE t (x)", "INSERT INTO t VALUES (7)"]);
    assert_eq!(
        app.post("/v2", "SELECT x FROM t").text(),
        "[[Value::Integer(7)]]\n"
    );
    // The database `other` has its own file.
    let other = app.post("/v3?other", "SELECT x FROM t");
    assert_eq!(other.text(), "Error::Io(\"no such table: t\")\n");
    for file in ["default.db", "other.db"] {
        assert!(
            app.folder.path().join("state").join(file).exists(),
            "{file}"
        );
    }
}

#[test]
fn changes_and_rowids_include_only_the_current_guest() {
    let app = start();
    let lines = run(
        &app,
        &[
            "CREATE TABLE t (x)",
            "ROWID",
            "INSERT INTO t VALUES (1), (2)",
            "CHANGES",
            "ROWID",
        ],
    );
    assert_eq!(lines, ["[]", "0", "[]", "2", "2"]);
    // The next guest gets the same connection, but for this guest the rowid and the number of changed rows begin at 0.
    let lines = run(
        &app,
        &["ROWID", "CHANGES", "UPDATE t SET x = 3", "CHANGES", "ROWID"],
    );
    assert_eq!(lines, ["0", "0", "[]", "2", "0"]);
    // The SQL functions `changes`, `total_changes` and `last_insert_rowid` do not count the changes of other guests either.
    let lines = run(
        &app,
        &["SELECT changes(), total_changes(), last_insert_rowid()"],
    );
    assert_eq!(
        lines,
        ["[[Value::Integer(0), Value::Integer(0), Value::Integer(0)]]"]
    );
}

#[test]
fn returns_the_error_messages_of_sqlite() {
    let app = start();
    let lines = run(
        &app,
        &[
            "CREATE TABLE t (x UNIQUE, y REFERENCES t (x))",
            "INSERT INTO t VALUES (1, NULL)",
            "INSERT INTO t VALUES (1, NULL)",
            "INSERT INTO t VALUES (2, 9)",
            "SELECT 1; SELECT 2",
        ],
    );
    assert_eq!(lines[2], r#"Error::Io("UNIQUE constraint failed: t.x")"#);
    assert_eq!(lines[3], r#"Error::Io("FOREIGN KEY constraint failed")"#);
    assert_eq!(lines[4], r#"Error::Io("Multiple statements provided")"#);
}

#[test]
fn rejects_databases_that_were_not_granted() {
    let app = start();
    assert_eq!(
        app.post("/v3?kept", "SELECT 1").text(),
        "Error::AccessDenied\n"
    );
    assert_eq!(
        app.post("/v3?missing", "SELECT 1").text(),
        "Error::AccessDenied\n"
    );
}

#[test]
fn a_guest_cannot_reach_beyond_its_database() {
    let app = start();
    let file = app.folder.path().join("stolen.db");
    let attach = format!("ATTACH DATABASE '{}' AS x", file.display());
    let vacuum = format!("VACUUM INTO '{}'", file.display());
    let lines = run(&app, &[&attach, &vacuum, "PRAGMA hard_heap_limit = 1"]);
    for line in &lines {
        assert!(line.contains("authoriz"), "{line}");
    }
    assert!(!file.exists());
}

#[test]
fn rolls_back_a_transaction_that_a_guest_leaves_open() {
    let app = start();
    run(&app, &["CREATE TABLE t (x)"]);
    // One guest returns with an open transaction. Another guest traps during a transaction.
    run(&app, &["BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)"]);
    let trapped = app.post("/v3", "BEGIN IMMEDIATE\nINSERT INTO t VALUES (2)\nTRAP");
    assert_eq!(trapped.status, 500);
    let lines = run(
        &app,
        &["SELECT count(*) FROM t", "BEGIN IMMEDIATE", "COMMIT"],
    );
    assert_eq!(lines, ["[[Value::Integer(0)]]", "[]", "[]"]);
}

#[test]
fn sql_functions_count_only_the_changes_of_the_current_guest() {
    let app = start();
    let count = "SELECT changes(), total_changes(), last_insert_rowid()";
    let counted = |changes, total, rowid| {
        format!("[[Value::Integer({changes}), Value::Integer({total}), Value::Integer({rowid})]]")
    };
    run(
        &app,
        &[
            "CREATE TABLE t (x)",
            "CREATE TABLE log (changed)",
            "INSERT INTO t VALUES (1), (2), (3)",
        ],
    );
    let lines = run(
        &app,
        &[
            "UPDATE t SET x = 4",
            count,
            "INSERT INTO t VALUES (5)",
            count,
            "UPDATE t SET x = 6 WHERE x = 7",
            count,
            "BEGIN",
            "DELETE FROM t WHERE x = 4",
            count,
            "ROLLBACK",
        ],
    );
    let counts: Vec<_> = lines.iter().filter(|line| *line != "[]").collect();
    assert_eq!(
        counts,
        [
            &counted(3, 3, 0),
            &counted(1, 4, 4),
            &counted(0, 4, 4),
            &counted(3, 7, 4),
        ]
    );
    // The counts of changed rows are also right in a trigger, and for the next guest on the same connection.
    let trigger =
        "CREATE TRIGGER notes AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (changes()); END";
    let lines = run(
        &app,
        &[
            count,
            trigger,
            "DELETE FROM t WHERE x = 5",
            "UPDATE t SET x = 8 WHERE rowid = 1",
            "SELECT changed FROM log",
            count,
        ],
    );
    assert_eq!(lines[0], counted(0, 0, 0));
    assert_eq!(
        lines[4..],
        ["[[Value::Integer(1)]]".to_owned(), counted(1, 3, 0)]
    );
}

#[test]
fn a_guest_does_not_get_temporary_tables_and_pragmas_of_another_guest() {
    let app = start();
    let lines = run(
        &app,
        &["CREATE TEMP TABLE secret (x)", "PRAGMA foreign_keys = OFF"],
    );
    assert_eq!(lines, ["[]", "[]"]);
    let lines = run(
        &app,
        &[
            "SELECT count(*) FROM temp.sqlite_master",
            "PRAGMA foreign_keys",
        ],
    );
    assert_eq!(lines, ["[[Value::Integer(0)]]", "[[Value::Integer(1)]]"]);
}

#[test]
fn concurrent_writers_lose_no_increment() {
    let mut setup = Setup::new(MANIFEST);
    setup.limits.max_instances = 200;
    let app = setup.start();
    run(&app, &["CREATE TABLE c (n)", "INSERT INTO c VALUES (0)"]);
    let statements = "BEGIN IMMEDIATE\nSELECT n FROM c\nUPDATE c SET n = n + 1\nCOMMIT";
    let writers: Vec<_> = (0..200)
        .map(|_| {
            app.spawn(app.send(
                Method::POST,
                "/v3",
                Bytes::from_static(statements.as_bytes()),
            ))
        })
        .collect();
    for writer in writers {
        let answer = app.wait(writer).unwrap();
        assert!(!answer.text().contains("Error"), "{}", answer.text());
    }
    assert_eq!(run(&app, &["SELECT n FROM c"]), ["[[Value::Integer(200)]]"]);
}

#[test]
fn a_write_fails_if_another_process_keeps_the_database_locked() {
    let app = start();
    run(&app, &["CREATE TABLE t (x)"]);
    let other = rusqlite::Connection::open(app.folder.path().join("state/default.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let writing = app.spawn(app.send(
        Method::POST,
        "/v3",
        Bytes::from_static(b"INSERT INTO t VALUES (1)"),
    ));
    // Reads continue while the writer waits.
    let reads = (0..20)
        .map(|_| run(&app, &["SELECT count(*) FROM t"]))
        .collect::<Vec<_>>();
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "the reads waited for the writer"
    );
    assert!(reads.iter().all(|r| r == &["[[Value::Integer(0)]]"]));
    let answer = app.wait(writing).unwrap();
    assert_eq!(answer.text(), "Error::Io(\"database is locked\")\n");
    assert!(begun.elapsed() >= Duration::from_secs(5));
}

#[test]
fn a_long_query_does_not_delay_other_requests() {
    let mut setup = Setup::new(MANIFEST);
    setup.limits.request_timeout = Duration::from_secs(3);
    let app = setup.start();
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    // Three queries run. This is one more than the number of worker threads.
    let long: Vec<_> = (0..3)
        .map(|_| app.spawn(app.send(Method::POST, "/v3", Bytes::from_static(endless.as_bytes()))))
        .collect();
    crate::support::until("the long queries run", || {
        app.runtime.running_requests() >= 3
    });
    let begun = Instant::now();
    assert_eq!(run(&app, &["SELECT 1"]), ["[[Value::Integer(1)]]"]);
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    for query in long {
        assert_eq!(app.wait(query).unwrap().status, 504);
    }
}
