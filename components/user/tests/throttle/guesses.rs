//! Tests with concurrent and random guesses. The service must never check more passwords than the buckets have room for.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stoa_service::sql::Database;
use stoa_service::testing::TestDatabase;
use stoa_service::time::Millis;
use user::error::Error;
use user::store::login_attempts::admit;
use user::throttle::{Limit, Limits, LoginAttempt};

use crate::PER_ACCOUNT_AND_ADDRESS;
use crate::shop::{ANN, RIGHT, Shop, USUAL_ADDRESS, WRONG};

/// Calls `work` in `times` threads at the same time. Returns all results.
fn at_once<T: Send>(times: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(times);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..times)
            .map(|n| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    barrier.wait();
                    work(n)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|s| **s == status).count()
}

#[test]
fn concurrent_guesses_all_count() {
    let shop = Shop::new(&[("login_attempts_per_account", 20)]);
    let statuses = at_once(40, |_| shop.log_in(USUAL_ADDRESS, ANN, WRONG).status);
    assert_eq!(
        (count(&statuses, 401), count(&statuses, 429)),
        (PER_ACCOUNT_AND_ADDRESS, 30)
    );
    assert_eq!(shop.verified_count(), PER_ACCOUNT_AND_ADDRESS);
    // The account's bucket has room for 10 more attempts from all unknown addresses together.
    let statuses = at_once(40, |n| {
        shop.log_in(&format!("198.51.100.{n}"), ANN, WRONG).status
    });
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (10, 30));
    assert_eq!(shop.verified_count(), 20);
}

#[test]
fn concurrent_guesses_at_many_accounts_all_count_for_their_address() {
    let shop = Shop::new(&[("login_attempts_per_address", 25)]);
    let guess = |n| shop.log_in(USUAL_ADDRESS, &format!("customer-{n}@example.com"), WRONG);
    let statuses = at_once(40, |n| guess(n).status);
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (25, 15));
    assert_eq!(shop.verified_count(), 25);
}

#[test]
fn successful_log_ins_among_guesses_subtract_exactly_their_own_attempts() {
    let shop = Shop::new(&[
        ("login_attempts_per_account_and_address", 100),
        ("login_attempts_per_address", 100),
    ]);
    // 30 customers log in twice each, during 60 wrong guesses.
    for n in 0..30 {
        shop.register(&format!("customer-{n}@example.com"));
    }
    let statuses = at_once(30, |n| {
        let email = format!("customer-{n}@example.com");
        [
            shop.log_in(USUAL_ADDRESS, &email, RIGHT).status,
            shop.log_in(USUAL_ADDRESS, ANN, WRONG).status,
            shop.log_in(USUAL_ADDRESS, &email, RIGHT).status,
            shop.log_in(USUAL_ADDRESS, "bob@example.com", WRONG).status,
        ]
    });
    assert!(
        statuses.iter().all(|s| *s == [200, 401, 200, 401]),
        "{statuses:?}"
    );
    // The bucket of this address has a limit of 100 attempts and counts the 60 wrong guesses, so it has room for 40 more.
    for n in 0..40 {
        shop.fail_log_ins(1, USUAL_ADDRESS, &format!("nobody-{n}@example.com"));
    }
    assert_eq!(
        shop.expect_wait(USUAL_ADDRESS, "nobody@example.com", WRONG),
        36
    );
}

#[test]
fn empty_buckets_are_removed() {
    let shop = Shop::new(&[("login_attempts_window_seconds", 60)]);
    let mut most = 0;
    for n in 0..200 {
        shop.fail_log_ins(1, &format!("192.0.2.{n}"), &format!("{n}@example.com"));
        shop.advance_clock(1);
        most = most.max(shop.rows("user_attempts"));
    }
    // One attempt is made every second, and expires after at most 6 s. So at most 7 attempts, with 3 rows each, have not expired.
    // Up to 20 empty rows wait for their removal.
    assert!((20..=50).contains(&most), "{most}");
}

#[derive(Debug, Clone)]
enum Step {
    Guess,
    Wait(i64),
    WaitRetryAfter,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Guess),
        3 => (0..400_000_i64).prop_map(Step::Wait),
        1 => Just(Step::WaitRetryAfter),
    ];
    prop::collection::vec(step, 1..80)
}

/// Runs the steps. Returns the times at which the service checked a password.
fn guesses(
    db: &dyn Database,
    attempt: &LoginAttempt,
    limits: &Limits,
    steps: Vec<Step>,
) -> Result<Vec<Millis>, TestCaseError> {
    let (mut now, mut retry_after, mut guesses) = (1_766_000_000_000, 0, Vec::new());
    for step in steps {
        match step {
            Step::Wait(millis) => {
                now += millis;
                retry_after = 0;
                continue;
            }
            Step::WaitRetryAfter if retry_after == 0 => continue,
            Step::WaitRetryAfter => now += retry_after * 1000,
            Step::Guess => {}
        }
        match admit(db, attempt, limits, now) {
            Ok(_) => {
                guesses.push(now);
                retry_after = 0;
            }
            Err(Error::TooManyAttempts { seconds, .. }) => {
                prop_assert!(
                    !matches!(step, Step::WaitRetryAfter),
                    "the reported wait is too short"
                );
                retry_after = Millis::from(seconds);
                let early = admit(db, attempt, limits, now + (retry_after - 1) * 1000);
                prop_assert!(early.is_err(), "the reported wait is too long");
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }
    Ok(guesses)
}

#[test]
fn an_address_never_tries_an_account_more_often_than_the_limit_in_any_time_span() {
    let database = TestDatabase::new();
    user::store::SCHEMA.ensure(&database.connect()).unwrap();
    let db = database.connect();
    let cases = (steps(), 1..12_u32, 60_000..4_000_000_i64, any::<u128>());
    let mut runner = TestRunner::new(Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&cases, |(steps, attempts, window, account)| {
        let wide = Limit {
            attempts: 100_000,
            window: 60_000,
        };
        let limits = Limits {
            account_and_address: Limit { attempts, window },
            account: wide,
            address: wide,
        };
        // Each test case has its own account, so that cases do not influence each other.
        let email = format!("{account}@example.com");
        let attempt = LoginAttempt::new(&email, Some(USUAL_ADDRESS.parse().unwrap()));
        let guesses = guesses(&db, &attempt, &limits, steps)?;
        for (first, begin) in guesses.iter().enumerate() {
            for (last, end) in guesses.iter().enumerate().skip(first) {
                let leaked = (end - begin) * i64::from(attempts) / window;
                let most = i64::from(attempts) + leaked;
                let tried = i64::try_from(last - first + 1).unwrap();
                prop_assert!(tried <= most, "{tried} of {most} from {begin} to {end}");
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn blanks_around_the_address_do_not_count_as_a_wrong_guess() {
    let shop = Shop::new(&[("login_attempts_per_address", 5)]);
    for number in 0..13 {
        let account = format!("c{number}@example.com");
        shop.register(&account);
        shop.log_in_successfully(USUAL_ADDRESS, &format!(" {account}  "));
    }
}

#[test]
fn text_that_is_not_an_address_counts_by_the_typed_text() {
    let shop = Shop::new(&[]);
    shop.fail_log_ins(10, USUAL_ADDRESS, "ann at example.com");
    assert!(shop.expect_wait(USUAL_ADDRESS, "ann at example.com", WRONG) > 0);
    shop.fail_log_ins(1, USUAL_ADDRESS, "bob at example.com");
}
