#![expect(
    clippy::unwrap_used,
    reason = "a fixture that fails must fail the test that uses it"
)]

use super::*;
use crate::sql::{Schema, Step};
use crate::testing::{TestDatabase, post};

const SCHEMA: Schema = Schema {
    service: "test",
    migrations: &[&[Step::Sql(
        "CREATE TABLE test_jobs (job_id TEXT PRIMARY KEY, due_at BIGINT NOT NULL, attempts BIGINT NOT NULL,
         status TEXT NOT NULL)",
    )]],
};

fn queue() -> Queue {
    Queue {
        table: "test_jobs".to_owned(),
        id: "job_id",
        payload: "job_id",
        due_at: "due_at",
        waiting: Some("status = 'pending'"),
        done: Settled::Marked("status = 'done'"),
        give_up: Some((3, Settled::Marked("status = 'failed'"))),
        lease: Duration::from_secs(30),
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(300),
        batch: 50,
        failure_message: "a job failed",
    }
}

fn with_jobs(count: u32) -> TestDatabase {
    let database = TestDatabase::new();
    let db = database.connect();
    SCHEMA.ensure(&db).unwrap();
    for _ in 0..count {
        db.execute(
            "INSERT INTO test_jobs (job_id, due_at, attempts, status) VALUES ($1, 0, 0, 'pending')",
            params![crate::id::new()],
        )
        .unwrap();
    }
    database
}

fn drain(
    database: &TestDatabase,
    attempt: impl FnMut(&Claim) -> Result<Attempt, SqlError>,
) -> Result<Drained, SqlError> {
    let request = post("/", "");
    queue().drain(
        &database.connect(),
        request.context(),
        Duration::MAX,
        attempt,
    )
}

fn make_due(database: &TestDatabase) {
    let db = database.connect();
    db.execute(
        "UPDATE test_jobs SET due_at = 0 WHERE status = 'pending'",
        &[],
    )
    .unwrap();
}

fn statuses(database: &TestDatabase) -> Vec<(String, u32)> {
    let db = database.connect();
    let rows = db.execute("SELECT status, attempts FROM test_jobs", &[]);
    rows.unwrap()
        .map(|row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
}

#[test]
fn each_entry_is_handled_by_one_of_several_concurrent_workers() {
    let database = with_jobs(20);
    let done = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                drain(&database, |claim| {
                    assert_eq!(claim.payload, claim.id.to_string());
                    done.lock().unwrap().push(claim.id);
                    Ok(Attempt::Done)
                })
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort();
    done.dedup();
    assert_eq!(done.len(), 20);
    let all = statuses(&database);
    assert!(all.iter().all(|entry| *entry == ("done".to_owned(), 1)));
}

#[test]
fn a_failed_entry_is_retried_when_it_is_due_and_given_up_after_its_last_attempt() {
    let database = with_jobs(1);
    let fail = |_: &Claim| Ok(Attempt::Failed("no".to_owned()));
    for attempt in 1..=3 {
        let still_waiting = u32::from(attempt < 3);
        let drained = drain(&database, fail).unwrap();
        assert_eq!((drained.failed, drained.still_waiting), (1, still_waiting));
        let again = drain(&database, fail).unwrap();
        assert_eq!(again.failed, 0, "the entry is not due yet");
        make_due(&database);
    }
    assert_eq!(statuses(&database), [("failed".to_owned(), 3)]);
}

#[test]
fn an_entry_whose_last_worker_died_is_given_up_without_another_attempt() {
    let database = with_jobs(1);
    let db = database.connect();
    db.execute("UPDATE test_jobs SET attempts = 3", &[])
        .unwrap();
    let drained = drain(&database, |_| {
        Err(SqlError::Other("this attempt must not be made".to_owned()))
    });
    assert_eq!(drained.unwrap().failed, 1);
    assert_eq!(statuses(&database), [("failed".to_owned(), 3)]);
}

#[test]
fn an_error_ends_the_drain_and_its_entry_is_retried_later() {
    let database = with_jobs(2);
    let mut attempts = 0;
    let outcome = drain(&database, |_| {
        attempts += 1;
        Err(SqlError::Other("down".to_owned()))
    });
    assert_eq!((outcome.is_err(), attempts), (true, 1));
    assert_eq!(
        drain(&database, |_| Ok(Attempt::Done)).unwrap().done,
        1,
        "the second entry must still be due"
    );
    make_due(&database);
    assert_eq!(drain(&database, |_| Ok(Attempt::Done)).unwrap().done, 1);
}

#[test]
fn waits_double_up_to_the_longest_wait_and_half_of_each_is_random() {
    let bounds = |attempt| {
        let millis = |random| queue().wait(attempt, random).as_millis();
        (millis(0), millis(u32::MAX))
    };
    assert_eq!(bounds(1), (500, 1000));
    assert_eq!(bounds(2), (1000, 2000));
    assert_eq!(bounds(5), (8000, 16_000));
    assert_eq!(bounds(10), (150_000, 300_000));
    assert_eq!(bounds(u32::MAX), (150_000, 300_000));
}
