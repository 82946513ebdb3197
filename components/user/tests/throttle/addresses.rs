//! Tests of the known IP addresses of an account, and of the headers from which the service reads a client's IP address.

use user::config::DEFAULT_ATTEMPTS_PER_ACCOUNT;

use crate::shop::{ANN, RIGHT, Shop, USUAL_ADDRESS, WRONG};
use crate::{LEAK_SECONDS, PER_ACCOUNT_AND_ADDRESS};

const DAY: i64 = 24 * 60 * 60;
/// The limit of failed log-ins for one account from unknown addresses.
const PER_ACCOUNT: usize = DEFAULT_ATTEMPTS_PER_ACCOUNT as usize;

/// Sends one wrong password from each of `strangers` addresses, so that the account's bucket fills.
fn fill_account_bucket(shop: &Shop, email: &str, strangers: usize) {
    for n in 0..strangers {
        shop.fail_log_ins(1, &format!("198.51.100.{n}"), email);
    }
}

#[test]
fn strangers_who_fill_an_accounts_bucket_do_not_lock_out_its_owner_at_a_known_address() {
    let shop = Shop::new(&[]);
    shop.log_in_successfully(USUAL_ADDRESS, ANN);
    fill_account_bucket(&shop, ANN, PER_ACCOUNT);
    // From an unknown address, even the owner of the account must wait.
    assert_eq!(shop.expect_wait("198.51.100.99", ANN, WRONG), 72);
    assert_eq!(shop.expect_wait("198.51.100.99", ANN, RIGHT), 72);
    // From the known address, only the bucket for this account and address counts.
    shop.log_in_successfully(USUAL_ADDRESS, ANN);
    shop.fail_log_ins(PER_ACCOUNT_AND_ADDRESS, USUAL_ADDRESS, ANN);
    assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, RIGHT), LEAK_SECONDS);
    // Failed log-ins from the known address do not count for other addresses.
    shop.advance_clock(72);
    shop.log_in_successfully("198.51.100.99", ANN);
    assert_eq!(
        shop.expect_wait(USUAL_ADDRESS, ANN, RIGHT),
        LEAK_SECONDS - 72
    );
}

#[test]
fn a_known_address_of_one_account_is_not_known_for_other_accounts() {
    let shop = Shop::new(&[]);
    shop.register("bob@example.com");
    shop.log_in_successfully(USUAL_ADDRESS, ANN);
    fill_account_bucket(&shop, "bob@example.com", PER_ACCOUNT);
    assert_eq!(
        shop.expect_wait(USUAL_ADDRESS, "bob@example.com", RIGHT),
        72
    );
}

#[test]
fn a_failed_attempt_does_not_make_its_address_known() {
    let shop = Shop::new(&[]);
    shop.fail_log_ins(1, USUAL_ADDRESS, ANN);
    fill_account_bucket(&shop, ANN, PER_ACCOUNT - 1);
    assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, RIGHT), 72);
    assert_eq!(shop.rows("user_places"), 0);
}

#[test]
fn an_address_stays_known_for_30_days_after_the_last_log_in() {
    let shop = Shop::new(&[]);
    shop.log_in_successfully(USUAL_ADDRESS, ANN);
    for _ in 0..3 {
        shop.advance_clock(29 * DAY);
        fill_account_bucket(&shop, ANN, PER_ACCOUNT);
        shop.log_in_successfully(USUAL_ADDRESS, ANN);
    }
    shop.advance_clock(30 * DAY);
    fill_account_bucket(&shop, ANN, PER_ACCOUNT);
    assert_eq!(shop.expect_wait(USUAL_ADDRESS, ANN, RIGHT), 72);
}

#[test]
fn an_account_remembers_the_20_addresses_of_its_last_log_ins() {
    let shop = Shop::new(&[]);
    for n in 0..25 {
        shop.log_in_successfully(&format!("192.0.2.{n}"), ANN);
        shop.advance_clock(60);
    }
    assert_eq!(shop.rows("user_places"), 20);
    fill_account_bucket(&shop, ANN, PER_ACCOUNT);
    for n in 0..25 {
        let response = shop.log_in(&format!("192.0.2.{n}"), ANN, RIGHT);
        assert_eq!(response.status, if n < 5 { 429 } else { 200 }, "{n}");
    }
}

#[test]
fn expired_addresses_are_removed() {
    let shop = Shop::new(&[]);
    for n in 0..60 {
        let email = format!("customer-{n}@example.com");
        shop.register(&email);
        shop.log_in_successfully(USUAL_ADDRESS, &email);
    }
    assert_eq!(shop.rows("user_places"), 60);
    shop.advance_clock(30 * DAY);
    for n in 0..3 {
        shop.log_in_successfully(&format!("192.0.2.{n}"), ANN);
    }
    assert_eq!(shop.rows("user_places"), 3);
}

#[test]
fn behind_a_gateway_a_client_cannot_choose_its_address_by_header() {
    let shop = Shop::new(&[("trusted_hops", 1)]);
    let from = |forwarded: &str, n: usize| {
        let connection = format!("127.0.0.6:{n}");
        let headers = [
            ("x-forwarded-for", forwarded),
            ("spin-client-addr", &connection),
        ];
        shop.log_in_with(&headers, ANN, WRONG).status
    };
    for n in 0..PER_ACCOUNT_AND_ADDRESS {
        assert_eq!(
            from(&format!("203.0.113.{n}, 10.0.0.{n},192.0.2.1"), n),
            401
        );
    }
    assert_eq!(from("203.0.113.77, 192.0.2.1", 77), 429);
    assert_eq!(from("192.0.2.1", 77), 429);
    assert_eq!(from("192.0.2.1, 192.0.2.2", 77), 401);
}

#[test]
fn without_a_gateway_x_forwarded_for_is_ignored() {
    let shop = Shop::new(&[]);
    let from = |n: usize| {
        let forwarded = format!("203.0.113.{n}");
        let headers = [
            ("x-forwarded-for", forwarded.as_str()),
            ("spin-client-addr", "192.0.2.1:50123"),
        ];
        shop.log_in_with(&headers, ANN, WRONG).status
    };
    assert!((0..PER_ACCOUNT_AND_ADDRESS).all(|n| from(n) == 401));
    assert_eq!(from(PER_ACCOUNT_AND_ADDRESS), 429);
}

#[test]
fn all_addresses_of_one_ipv6_network_count_as_one_address() {
    let shop = Shop::new(&[]);
    for n in 0..PER_ACCOUNT_AND_ADDRESS {
        shop.fail_log_ins(1, &format!("2001:db8:1:2:{n:x}::{n:x}"), ANN);
    }
    assert_eq!(
        shop.expect_wait("2001:db8:1:2:ffff::1", ANN, RIGHT),
        LEAK_SECONDS
    );
    shop.log_in_successfully("2001:db8:1:3::1", ANN);
}

#[test]
fn clients_without_an_address_share_one_bucket_and_it_never_becomes_a_known_address() {
    let shop = Shop::new(&[("trusted_hops", 1)]);
    let from =
        |headers: &[(&str, &str)], password: &str| shop.log_in_with(headers, ANN, password).status;
    assert_eq!(from(&[], RIGHT), 200);
    assert_eq!(shop.rows("user_places"), 0);
    for n in 0..PER_ACCOUNT_AND_ADDRESS {
        let odd = [("x-forwarded-for", ["unknown", "", "-", "0.0.0.0"][n % 4])];
        assert_eq!(from(&odd, WRONG), 401);
    }
    assert_eq!(from(&[], RIGHT), 429);
    assert_eq!(from(&[("x-forwarded-for", USUAL_ADDRESS)], RIGHT), 200);
}
