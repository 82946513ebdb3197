//! Sources of attempts: the known addresses of an account, and which source of an address is trusted.

use user::config::DEFAULT_ATTEMPTS_PER_ACCOUNT;

use crate::shop::{ANN, HERE, RIGHT, Shop, WRONG};
use crate::{DRIP, FROM_HERE};

const DAY: i64 = 24 * 60 * 60;
/// Attempts for one account from unknown addresses.
const PER_ACCOUNT: usize = DEFAULT_ATTEMPTS_PER_ACCOUNT as usize;

/// Strangers fill the account's bucket; each has its own address.
fn besiege(shop: &Shop, email: &str, strangers: usize) {
    for n in 0..strangers {
        shop.fail(1, &format!("198.51.100.{n}"), email);
    }
}

#[test]
fn strangers_who_fill_the_bucket_of_an_account_do_not_lock_its_owner_out_of_the_usual_place() {
    let shop = Shop::new(&[]);
    shop.welcome(HERE, ANN);
    besiege(&shop, ANN, PER_ACCOUNT);
    // From an address without an earlier log-in everyone waits, the owner too.
    assert_eq!(shop.must_wait("198.51.100.99", ANN, WRONG), 72);
    assert_eq!(shop.must_wait("198.51.100.99", ANN, RIGHT), 72);
    // Only the usual address has a bucket of its own.
    shop.welcome(HERE, ANN);
    shop.fail(FROM_HERE, HERE, ANN);
    assert_eq!(shop.must_wait(HERE, ANN, RIGHT), DRIP);
    // Attempts there do not count for other addresses.
    shop.pass(72);
    shop.welcome("198.51.100.99", ANN);
    assert_eq!(shop.must_wait(HERE, ANN, RIGHT), DRIP - 72);
}

#[test]
fn a_usual_place_is_one_accounts_alone() {
    let shop = Shop::new(&[]);
    shop.register("bob@example.com");
    shop.welcome(HERE, ANN);
    besiege(&shop, "bob@example.com", PER_ACCOUNT);
    assert_eq!(shop.must_wait(HERE, "bob@example.com", RIGHT), 72);
}

#[test]
fn a_failed_attempt_makes_no_usual_place() {
    let shop = Shop::new(&[]);
    shop.fail(1, HERE, ANN);
    besiege(&shop, ANN, PER_ACCOUNT - 1);
    assert_eq!(shop.must_wait(HERE, ANN, RIGHT), 72);
    assert_eq!(shop.rows("user_places"), 0);
}

#[test]
fn a_usual_place_is_kept_for_30_days_after_the_last_log_in() {
    let shop = Shop::new(&[]);
    shop.welcome(HERE, ANN);
    for _ in 0..3 {
        shop.pass(29 * DAY);
        besiege(&shop, ANN, PER_ACCOUNT);
        shop.welcome(HERE, ANN);
    }
    shop.pass(30 * DAY);
    besiege(&shop, ANN, PER_ACCOUNT);
    assert_eq!(shop.must_wait(HERE, ANN, RIGHT), 72);
}

#[test]
fn an_account_knows_the_20_places_of_its_last_log_ins() {
    let shop = Shop::new(&[]);
    for n in 0..25 {
        shop.welcome(&format!("192.0.2.{n}"), ANN);
        shop.pass(60);
    }
    assert_eq!(shop.rows("user_places"), 20);
    besiege(&shop, ANN, PER_ACCOUNT);
    for n in 0..25 {
        let seen = shop.log_in(&format!("192.0.2.{n}"), ANN, RIGHT);
        assert_eq!(seen.status, if n < 5 { 429 } else { 200 }, "{n}");
    }
}

#[test]
fn places_that_are_long_gone_are_removed() {
    let shop = Shop::new(&[]);
    for n in 0..60 {
        let email = format!("customer-{n}@example.com");
        shop.register(&email);
        shop.welcome(HERE, &email);
    }
    assert_eq!(shop.rows("user_places"), 60);
    shop.pass(30 * DAY);
    for n in 0..3 {
        shop.welcome(&format!("192.0.2.{n}"), ANN);
    }
    assert_eq!(shop.rows("user_places"), 3);
}

#[test]
fn behind_a_gateway_a_caller_cannot_choose_its_address_by_header() {
    let shop = Shop::new(&[("trusted_hops", 1)]);
    let from = |forwarded: &str, n: usize| {
        let connection = format!("127.0.0.6:{n}");
        let headers = [
            ("x-forwarded-for", forwarded),
            ("spin-client-addr", &connection),
        ];
        shop.log_in_with(&headers, ANN, WRONG).status
    };
    for n in 0..FROM_HERE {
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
fn without_a_gateway_x_forwarded_for_counts_for_nothing() {
    let shop = Shop::new(&[]);
    let from = |n: usize| {
        let forwarded = format!("203.0.113.{n}");
        let headers = [
            ("x-forwarded-for", forwarded.as_str()),
            ("spin-client-addr", "192.0.2.1:50123"),
        ];
        shop.log_in_with(&headers, ANN, WRONG).status
    };
    assert!((0..FROM_HERE).all(|n| from(n) == 401));
    assert_eq!(from(FROM_HERE), 429);
}

#[test]
fn all_addresses_of_one_ipv6_network_are_one() {
    let shop = Shop::new(&[]);
    for n in 0..FROM_HERE {
        shop.fail(1, &format!("2001:db8:1:2:{n:x}::{n:x}"), ANN);
    }
    assert_eq!(shop.must_wait("2001:db8:1:2:ffff::1", ANN, RIGHT), DRIP);
    shop.welcome("2001:db8:1:3::1", ANN);
}

#[test]
fn clients_without_an_address_share_one_that_is_never_a_usual_place() {
    let shop = Shop::new(&[("trusted_hops", 1)]);
    let from =
        |headers: &[(&str, &str)], password: &str| shop.log_in_with(headers, ANN, password).status;
    assert_eq!(from(&[], RIGHT), 200);
    assert_eq!(shop.rows("user_places"), 0);
    for n in 0..FROM_HERE {
        let odd = [("x-forwarded-for", ["unknown", "", "-", "0.0.0.0"][n % 4])];
        assert_eq!(from(&odd, WRONG), 401);
    }
    assert_eq!(from(&[], RIGHT), 429);
    assert_eq!(from(&[("x-forwarded-for", HERE)], RIGHT), 200);
}
