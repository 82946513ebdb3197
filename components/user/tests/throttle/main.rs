//! Limits on wrong passwords: for an account from one address, for an account, and from an address.
#![expect(clippy::unwrap_used, reason = "what a test cannot read fails it")]

mod guesses;
mod places;
mod shop;

use shop::{ANN, HERE, RIGHT, Shop, WRONG};
use user::config::DEFAULT_ATTEMPTS_PER_ACCOUNT_AND_ADDRESS;

/// Attempts for one account from one address; `DRIP` is the time in seconds after which one attempt expires.
const FROM_HERE: usize = DEFAULT_ATTEMPTS_PER_ACCOUNT_AND_ADDRESS as usize;
const DRIP: i64 = 360;

#[test]
fn after_ten_wrong_passwords_from_one_address_even_the_right_one_has_to_wait() {
    let shop = Shop::new(&[]);
    shop.fail(FROM_HERE, HERE, ANN);
    let hashed = shop.hashed();
    for password in [WRONG, RIGHT, ""] {
        assert_eq!(shop.must_wait(HERE, ANN, password), DRIP);
    }
    assert_eq!(shop.hashed(), hashed, "what is refused costs no hash");
    // Another account from this address, and this account from another address.
    shop.fail(1, HERE, "bob@example.com");
    shop.welcome("192.0.2.2", ANN);
    // The spelling of the email address does not matter.
    assert_eq!(shop.must_wait(HERE, "ANN@Example.com", RIGHT), DRIP);
}

#[test]
fn the_time_to_wait_is_right_to_the_second() {
    // 3,600 s for 7 is 514.3 s for each.
    let shop = Shop::new(&[("login_attempts_per_account_and_address", 7)]);
    shop.fail(7, HERE, ANN);
    assert_eq!(shop.must_wait(HERE, ANN, WRONG), 515);
    shop.pass(514);
    assert_eq!(shop.must_wait(HERE, ANN, WRONG), 1);
    shop.pass(1);
    shop.fail(1, HERE, ANN);
    // The part that leaked beyond that attempt counts for the next one.
    assert_eq!(shop.must_wait(HERE, ANN, WRONG), 514);
    shop.pass(3600);
    shop.fail(7, HERE, ANN);
    let _ = shop.must_wait(HERE, ANN, WRONG);
}

#[test]
fn what_is_refused_keeps_nobody_out_for_longer() {
    let shop = Shop::new(&[]);
    shop.fail(FROM_HERE, HERE, ANN);
    for left in (1..=DRIP / 10).rev() {
        assert_eq!(shop.must_wait(HERE, ANN, WRONG), left * 10);
        shop.pass(10);
    }
    shop.welcome(HERE, ANN);
}

#[test]
fn a_log_in_empties_the_bucket_of_its_account_and_address_and_no_other() {
    let shop = Shop::new(&[("login_attempts_per_address", 25)]);
    for _ in 0..2 {
        shop.fail(FROM_HERE - 1, HERE, ANN);
        shop.welcome(HERE, ANN);
    }
    shop.fail(FROM_HERE - 3, HERE, ANN);
    // The limit of 25 attempts from this address is reached.
    assert_eq!(shop.must_wait(HERE, ANN, RIGHT), 144);
    assert_eq!(shop.must_wait(HERE, "bob@example.com", WRONG), 144);
    shop.welcome("192.0.2.2", ANN);
}

#[test]
fn right_passwords_count_for_nothing() {
    let shop = Shop::new(&[
        ("login_attempts_per_account_and_address", 1),
        ("login_attempts_per_account", 1),
        ("login_attempts_per_address", 1),
    ]);
    for n in 0..50 {
        shop.welcome(HERE, ANN);
        shop.welcome(&format!("192.0.2.{n}"), ANN);
    }
    shop.fail(1, HERE, ANN);
    assert_eq!(shop.must_wait(HERE, ANN, RIGHT), 3600);
}

#[test]
fn an_address_that_tries_many_accounts_has_to_wait_for_all_of_them() {
    let shop = Shop::new(&[("login_attempts_per_address", 20)]);
    for n in 0..20 {
        shop.fail(1, HERE, &format!("customer-{n}@example.com"));
    }
    for email in [ANN, "customer-0@example.com", "new@example.com"] {
        assert_eq!(shop.must_wait(HERE, email, RIGHT), 180);
    }
    shop.welcome("192.0.2.2", ANN);
    shop.pass(180);
    shop.welcome(HERE, ANN);
}

#[test]
fn the_longest_of_all_waits_is_told() {
    let shop = Shop::new(&[
        ("login_attempts_per_account_and_address", 3),
        ("login_attempts_per_account", 3),
        ("login_attempts_per_address", 2),
    ]);
    shop.fail(2, HERE, ANN);
    shop.fail(1, "192.0.2.2", ANN);
    // The account must wait 1,200 s, the address 1,800 s.
    assert_eq!(shop.must_wait(HERE, ANN, WRONG), 1800);
    assert_eq!(shop.must_wait("192.0.2.3", ANN, WRONG), 1200);
    // Both waits pass, one after the other.
    shop.pass(1200);
    assert_eq!(shop.must_wait(HERE, ANN, WRONG), 600);
    shop.pass(600);
    shop.welcome(HERE, ANN);
}

#[test]
fn an_account_that_does_not_exist_is_treated_like_one_that_does() {
    let course = |email: &str| {
        let shop = Shop::new(&[("login_attempts_per_account", 15)]);
        let mut seen = Vec::new();
        for n in 0..40 {
            let address = if n < 12 {
                HERE.to_owned()
            } else {
                format!("192.0.2.{n}")
            };
            let before = shop.hashed();
            seen.push((shop.log_in(&address, email, WRONG), shop.hashed() - before));
            shop.pass(n % 5);
        }
        (seen, shop.rows("user_attempts"))
    };
    let known = course(ANN);
    assert!(known.0.iter().any(|(seen, _)| seen.status == 429));
    for unknown in ["bob@example.com", "no address at all", ""] {
        assert_eq!(course(unknown), known, "{unknown}");
    }
}

#[test]
fn what_cannot_be_read_counts_for_nothing() {
    let shop = Shop::new(&[("login_attempts_per_account_and_address", 1)]);
    for body in ["", "{", "{}", r#"{"email": "ann@example.com"}"#] {
        for _ in 0..2 {
            let seen = shop.post(&[], body);
            assert!([400, 422].contains(&seen.status), "{body} {seen:?}");
        }
    }
    assert_eq!(shop.rows("user_attempts"), 0);
}

#[test]
fn settings_that_are_wrong_are_all_named() {
    let faults = user::config::Config::read(&|name| match name {
        "trusted_hops" => Some("11".to_owned()),
        "login_attempts_per_account" => Some("0".to_owned()),
        "login_attempts_per_address" => Some("many".to_owned()),
        "login_attempts_per_account_and_address" => Some("100001".to_owned()),
        "login_attempts_window_seconds" => Some("59".to_owned()),
        _ => None,
    });
    assert_eq!(faults.unwrap_err().0.len(), 5);
}
