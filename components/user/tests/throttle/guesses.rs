//! However guesses arrive, the service checks no more passwords than a bucket holds.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stoa_service::sql::Database;
use stoa_service::testing::TestDatabase;
use stoa_service::time::Millis;
use user::error::Error;
use user::store::login_attempts::admit;
use user::throttle::{Limit, Limits, LoginAttempt};

use crate::FROM_HERE;
use crate::shop::{ANN, HERE, RIGHT, Shop, WRONG};

/// Runs `one` `times` times concurrently.
fn at_once<T: Send>(times: usize, one: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(times);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..times)
            .map(|n| {
                let (barrier, one) = (&barrier, &one);
                scope.spawn(move || {
                    barrier.wait();
                    one(n)
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
fn guesses_at_once_all_count() {
    let shop = Shop::new(&[("login_attempts_per_account", 20)]);
    let statuses = at_once(40, |_| shop.log_in(HERE, ANN, WRONG).status);
    assert_eq!(
        (count(&statuses, 401), count(&statuses, 429)),
        (FROM_HERE, 30)
    );
    assert_eq!(shop.hashed(), FROM_HERE);
    // 10 of the account's 20 are left, for all addresses together.
    let statuses = at_once(40, |n| {
        shop.log_in(&format!("198.51.100.{n}"), ANN, WRONG).status
    });
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (10, 30));
    assert_eq!(shop.hashed(), 20);
}

#[test]
fn guesses_at_many_accounts_at_once_all_count_for_their_address() {
    let shop = Shop::new(&[("login_attempts_per_address", 25)]);
    let guess = |n| shop.log_in(HERE, &format!("customer-{n}@example.com"), WRONG);
    let statuses = at_once(40, |n| guess(n).status);
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (25, 15));
    assert_eq!(shop.hashed(), 25);
}

#[test]
fn log_ins_among_guesses_give_back_exactly_what_they_took() {
    let shop = Shop::new(&[
        ("login_attempts_per_account_and_address", 100),
        ("login_attempts_per_address", 100),
    ]);
    // 30 customers log in twice while 60 guesses are made.
    for n in 0..30 {
        shop.register(&format!("customer-{n}@example.com"));
    }
    let statuses = at_once(30, |n| {
        let email = format!("customer-{n}@example.com");
        [
            shop.log_in(HERE, &email, RIGHT).status,
            shop.log_in(HERE, ANN, WRONG).status,
            shop.log_in(HERE, &email, RIGHT).status,
            shop.log_in(HERE, "bob@example.com", WRONG).status,
        ]
    });
    assert!(
        statuses.iter().all(|s| *s == [200, 401, 200, 401]),
        "{statuses:?}"
    );
    // 40 attempts are left.
    for n in 0..40 {
        shop.fail(1, HERE, &format!("nobody-{n}@example.com"));
    }
    assert_eq!(shop.must_wait(HERE, "nobody@example.com", WRONG), 36);
}

#[test]
fn what_has_leaked_is_removed() {
    let shop = Shop::new(&[("login_attempts_window_seconds", 60)]);
    let mut most = 0;
    for n in 0..200 {
        shop.fail(1, &format!("192.0.2.{n}"), &format!("{n}@example.com"));
        shop.pass(1);
        most = most.max(shop.rows("user_attempts"));
    }
    // An attempt expires after 6 s at the latest: 7 attempts with 3 rows each, and rows that wait for removal.
    assert!((20..=50).contains(&most), "{most}");
}

#[derive(Debug, Clone)]
enum Step {
    Guess,
    Wait(i64),
    WaitAsTold,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Guess),
        3 => (0..400_000_i64).prop_map(Step::Wait),
        1 => Just(Step::WaitAsTold),
    ];
    prop::collection::vec(step, 1..80)
}

/// Result of the steps: the instants at which the service checked a password.
fn guesses(
    db: &dyn Database,
    attempt: &LoginAttempt,
    limits: &Limits,
    steps: Vec<Step>,
) -> Result<Vec<Millis>, TestCaseError> {
    let (mut now, mut told, mut guesses) = (1_766_000_000_000, 0, Vec::new());
    for step in steps {
        match step {
            Step::Wait(millis) => {
                now += millis;
                told = 0;
                continue;
            }
            Step::WaitAsTold if told == 0 => continue,
            Step::WaitAsTold => now += told * 1000,
            Step::Guess => {}
        }
        match admit(db, attempt, limits, now) {
            Ok(_) => {
                guesses.push(now);
                told = 0;
            }
            Err(Error::TooManyAttempts { seconds, .. }) => {
                prop_assert!(!matches!(step, Step::WaitAsTold), "told too little");
                told = Millis::from(seconds);
                let early = admit(db, attempt, limits, now + (told - 1) * 1000);
                prop_assert!(early.is_err(), "told too much");
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }
    Ok(guesses)
}

#[test]
fn in_no_time_span_is_an_account_tried_from_one_address_more_often_than_it_may_be() {
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
        // Each case has its own account.
        let email = format!("{account}@example.com");
        let attempt = LoginAttempt::new(&email, Some(HERE.parse().unwrap()));
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
fn a_blank_around_the_address_is_no_wrong_guess() {
    let shop = Shop::new(&[("login_attempts_per_address", 5)]);
    for number in 0..13 {
        let account = format!("c{number}@example.com");
        shop.register(&account);
        shop.welcome(HERE, &format!(" {account}  "));
    }
}

#[test]
fn what_is_not_an_address_counts_by_what_was_typed() {
    let shop = Shop::new(&[]);
    shop.fail(10, HERE, "ann at example.com");
    assert!(shop.must_wait(HERE, "ann at example.com", WRONG) > 0);
    shop.fail(1, HERE, "bob at example.com");
}
