//! Tests of the three limits on failed log-ins: the limit for an account, the limit for an IP address, and the limit for the pair
//! of both.
#![expect(
    clippy::unwrap_used,
    reason = "a panic fails the test, which is intended"
)]

mod addresses;
mod guesses;
mod shop;

use shop::{ANN, RIGHT, Shop, USUAL_ADDRESS, WRONG};
use user::config::DEFAULT_ATTEMPTS_PER_ACCOUNT_AND_ADDRESS;

/// The limit of failed log-ins for one account from one address.
const PER_ACCOUNT_AND_ADDRESS: usize = DEFAULT_ATTEMPTS_PER_ACCOUNT_AND_ADDRESS as usize;
/// The time after which one failed log-in for one account from one address expires, in seconds.
const LEAK_SECONDS: i64 = 360;

#[test]
fn after_ten_wrong_passwords_from_one_address_even_the_right_password_is_rejected() {
    let shop = Shop::new(&[]);
    shop.fail_log_ins(PER_ACCOUNT_AND_ADDRESS, USUAL_ADDRESS, ANN);
    let verified_count = shop.verified_count();
    for password in [WRONG, RIGHT, ""] {
        assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, password), LEAK_SECONDS);
    }
    assert_eq!(
        shop.verified_count(),
        verified_count,
        "the service must not hash the password of a rejected attempt"
    );
    // A log-in to a different account from this IP address is accepted, and so is a log-in to this account from a different IP
    // address.
    shop.fail_log_ins(1, USUAL_ADDRESS, "bob@example.com");
    shop.log_in_successfully("192.0.2.2", ANN);
    // In an e-mail address, an upper-case letter counts as the lower-case letter.
    assert_eq!(
        shop.expect_wait(USUAL_ADDRESS, "ANN@Example.com", RIGHT),
        LEAK_SECONDS
    );
}

#[test]
fn the_reported_wait_is_exact_to_the_second() {
    // Seven attempts expire in 3,600 s, so one attempt expires in 514.3 s.
    let shop = Shop::new(&[("login_attempts_per_account_and_address", 7)]);
    shop.fail_log_ins(7, USUAL_ADDRESS, ANN);
    assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, WRONG), 515);
    shop.advance_clock(514);
    assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, WRONG), 1);
    shop.advance_clock(1);
    shop.fail_log_ins(1, USUAL_ADDRESS, ANN);
    // The clock advanced by 515 s, and one attempt expires in 514.3 s. The remaining 0.7 s shorten the wait for the next attempt.
    assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, WRONG), 514);
    shop.advance_clock(3600);
    shop.fail_log_ins(7, USUAL_ADDRESS, ANN);
    let _ = shop.expect_wait(USUAL_ADDRESS, ANN, WRONG);
}

#[test]
fn rejected_attempts_do_not_extend_the_wait() {
    let shop = Shop::new(&[]);
    shop.fail_log_ins(PER_ACCOUNT_AND_ADDRESS, USUAL_ADDRESS, ANN);
    for left in (1..=LEAK_SECONDS / 10).rev() {
        assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, WRONG), left * 10);
        shop.advance_clock(10);
    }
    shop.log_in_successfully(USUAL_ADDRESS, ANN);
}

#[test]
fn a_log_in_empties_only_the_bucket_of_its_account_and_address() {
    let shop = Shop::new(&[("login_attempts_per_address", 25)]);
    for _ in 0..2 {
        shop.fail_log_ins(PER_ACCOUNT_AND_ADDRESS - 1, USUAL_ADDRESS, ANN);
        shop.log_in_successfully(USUAL_ADDRESS, ANN);
    }
    shop.fail_log_ins(PER_ACCOUNT_AND_ADDRESS - 3, USUAL_ADDRESS, ANN);
    // 25 attempts from this address have failed, so the limit of the address is reached.
    assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, RIGHT), 144);
    assert_eq!(
        shop.expect_wait(USUAL_ADDRESS, "bob@example.com", WRONG),
        144
    );
    shop.log_in_successfully("192.0.2.2", ANN);
}

#[test]
fn right_passwords_do_not_count() {
    let shop = Shop::new(&[
        ("login_attempts_per_account_and_address", 1),
        ("login_attempts_per_account", 1),
        ("login_attempts_per_address", 1),
    ]);
    for n in 0..50 {
        shop.log_in_successfully(USUAL_ADDRESS, ANN);
        shop.log_in_successfully(&format!("192.0.2.{n}"), ANN);
    }
    shop.fail_log_ins(1, USUAL_ADDRESS, ANN);
    assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, RIGHT), 3600);
}

#[test]
fn an_address_that_tries_many_accounts_is_rejected_for_all_accounts() {
    let shop = Shop::new(&[("login_attempts_per_address", 20)]);
    for n in 0..20 {
        shop.fail_log_ins(1, USUAL_ADDRESS, &format!("customer-{n}@example.com"));
    }
    for email in [ANN, "customer-0@example.com", "new@example.com"] {
        assert_eq!(shop.expect_wait(USUAL_ADDRESS, email, RIGHT), 180);
    }
    shop.log_in_successfully("192.0.2.2", ANN);
    shop.advance_clock(180);
    shop.log_in_successfully(USUAL_ADDRESS, ANN);
}

#[test]
fn the_response_reports_the_longest_of_all_waits() {
    let shop = Shop::new(&[
        ("login_attempts_per_account_and_address", 3),
        ("login_attempts_per_account", 3),
        ("login_attempts_per_address", 2),
    ]);
    shop.fail_log_ins(2, USUAL_ADDRESS, ANN);
    shop.fail_log_ins(1, "192.0.2.2", ANN);
    // The account's bucket requires a wait of 1,200 s, and the address's bucket requires 1,800 s.
    assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, WRONG), 1800);
    assert_eq!(shop.expect_wait("192.0.2.3", ANN, WRONG), 1200);
    // After 1,200 s the account's wait has ended, and the address's wait ends 600 s later.
    shop.advance_clock(1200);
    assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, WRONG), 600);
    shop.advance_clock(600);
    shop.log_in_successfully(USUAL_ADDRESS, ANN);
}

#[test]
fn an_account_that_does_not_exist_is_treated_like_an_existing_account() {
    let run_attempts = |email: &str| {
        let shop = Shop::new(&[("login_attempts_per_account", 15)]);
        let mut responses = Vec::new();
        for n in 0..40 {
            let address = if n < 12 {
                USUAL_ADDRESS.to_owned()
            } else {
                format!("192.0.2.{n}")
            };
            let before = shop.verified_count();
            responses.push((
                shop.log_in(&address, email, WRONG),
                shop.verified_count() - before,
            ));
            shop.advance_clock(n % 5);
        }
        (responses, shop.rows("user_attempts"))
    };
    let known = run_attempts(ANN);
    assert!(known.0.iter().any(|(response, _)| response.status == 429));
    for unknown in ["bob@example.com", "no address at all", ""] {
        assert_eq!(run_attempts(unknown), known, "{unknown}");
    }
}

#[test]
fn an_unreadable_request_does_not_count() {
    let shop = Shop::new(&[("login_attempts_per_account_and_address", 1)]);
    for body in ["", "{", "{}", r#"{"email": "ann@example.com"}"#] {
        for _ in 0..2 {
            let response = shop.post(&[], body);
            assert!([400, 422].contains(&response.status), "{body} {response:?}");
        }
    }
    assert_eq!(shop.rows("user_attempts"), 0);
}

#[test]
fn an_error_names_every_wrong_setting() {
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
